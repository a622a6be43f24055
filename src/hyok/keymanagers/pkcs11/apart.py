"""Keep PKCS#11 libraries out of the threads that do TLS.

OpenSSL keeps the errors of each thread in a queue, and a library that uses the same OpenSSL (SoftHSM does) leaves some
behind. Python's `ssl`, later in that thread, takes the oldest for its own and fails with "no such engine".
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def apart(work: Callable[P, T]) -> Callable[P, T]:
    """Have a function's calls made in a thread of their own, for which the caller waits."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="pkcs11") as thread:
            return thread.submit(work, *args, **kwargs).result()

    return run
