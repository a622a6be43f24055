"""Random IVs, drawn from the system in bulk.

For each draw the interpreter's lock is given up, and another thread may take it: one a request costs up to a tenth of
the whole answer. IVs are no secret, so that it does no harm that some lie in memory before they are used; that two
encryptions use the same one must not happen, so each is taken out of the stock, and a forked process begins with none.
"""

from __future__ import annotations

import os
import weakref
from typing import Final

IV_BYTES: Final = 12
_DRAWN_AT_ONCE: Final = 128


class RandomIvs:
    """A stock of IVs of 96 random bits. For one thread."""

    __slots__ = ("__weakref__", "_stock")

    def __init__(self) -> None:
        self._stock: list[bytes] = []
        stock = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _empty(stock()))

    def take(self) -> bytes:
        """Return an IV that nobody else gets."""
        stock = self._stock
        if not stock:
            drawn = os.urandom(IV_BYTES * _DRAWN_AT_ONCE)
            stock += [drawn[start : start + IV_BYTES] for start in range(0, len(drawn), IV_BYTES)]
        return stock.pop()


def _empty(ivs: RandomIvs | None) -> None:
    if ivs is not None:
        ivs._stock.clear()
