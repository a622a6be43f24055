"""Random bytes that are no secret, drawn from the system in bulk: IVs, request ids, what keys are derived with.

For each draw the interpreter's lock is given up, and another thread may take it: one a request costs up to a tenth of
the whole answer. These bytes are no secret, so that it does no harm that some lie in memory before they are used. That
two uses get the same must not happen, so each is taken out of the stock; a forked process begins with none; and two
copies of a virtual machine, which go on with the same stock, have its values apart by the nanosecond of their use.
"""

from __future__ import annotations

import os
import weakref
from time import time_ns
from typing import Final

_DRAWN_AT_ONCE: Final = 128


class RandomStock:
    """A stock of random values of one size. For one thread, and for nothing that must stay secret."""

    __slots__ = ("__weakref__", "_size", "_stock")

    def __init__(self, size: int) -> None:
        """`size` is in bytes, that of each; 8 at least."""
        self._size = size
        self._stock: list[int] = []
        stock = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _empty(stock()))

    def take(self) -> bytes:
        """Return a value that nobody else gets."""
        stock = self._stock
        size = self._size
        if not stock:
            drawn = os.urandom(size * _DRAWN_AT_ONCE)
            stock += [int.from_bytes(drawn[start : start + size], "big") for start in range(0, len(drawn), size)]
        # As random as before, whatever the time is.
        return (stock.pop() ^ time_ns()).to_bytes(size, "big")


def _empty(stock: RandomStock | None) -> None:
    if stock is not None:
        stock._stock.clear()
