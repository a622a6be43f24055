"""Files that hold a secret: mode 0600 from their first byte, whole or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hyok.errors import OperatorError


def write_private_file(path: Path, make_content: Callable[[], bytes], *, force: bool | None = None) -> None:
    """Write what `make_content` returns; it is called when the file can be written, and not at all otherwise.

    `force` is the command's `--force`, None if it has none. OperatorError if the file is there already, unless `force`,
    or cannot be written.
    """
    if not force and os.path.lexists(path):
        raise _already_there(path, force)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as file:
            file.write(make_content())
            file.flush()
            os.fsync(descriptor)
        if force:
            draft.replace(path)
        else:
            os.link(draft, path)  # unlike a rename, never replaces a file that came meanwhile
    except FileExistsError as error:
        raise _already_there(path, force) from error
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _already_there(path: Path, force: bool | None) -> OperatorError:
    advice = "choose another file" + ("" if force is None else ", or replace it with --force")
    return OperatorError(f"{path} exists already; {advice}")
