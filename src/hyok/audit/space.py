"""Room on the disk, taken before it is needed."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Final

_KEEP_SIZE: Final = 1
"""FALLOC_FL_KEEP_SIZE: the blocks are the file's, and its length stays what was written."""
_UNSUPPORTED: Final = frozenset((errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL))
_libc: Final = ctypes.CDLL(None, use_errno=True)


def reserve(descriptor: int, offset: int, length: int) -> None:
    """Make sure that `length` bytes from `offset` on can be written. OSError if there is no room for them.

    Where the file system cannot promise it, that there is as much free now is all that is known.
    """
    fallocate = getattr(_libc, "fallocate", None)
    if fallocate is not None:
        arguments = (ctypes.c_int(descriptor), ctypes.c_int(_KEEP_SIZE), ctypes.c_int64(offset), ctypes.c_int64(length))
        if fallocate(*arguments) == 0:
            return
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number))
    free = os.fstatvfs(descriptor)
    if free.f_bavail * free.f_frsize < length:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
