"""Loaded PKCS#11 libraries, one for each path and process, shared by all who use them.

A library is initialised once for the whole process, and initialising it anew, the only cure after a token was lost,
pulls the ground from under everybody's sessions. So each call is made between `enter` and `leave`, and `restart` waits
until nobody is inside. Sessions and handles belong to a generation and mean nothing, or another key, in the next.
"""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Final

from hyok.errors import HyokError
from hyok.keymanagers.pkcs11.constants import ReturnCode
from hyok.keymanagers.pkcs11.library import CryptokiError, Library

DRAIN_SECONDS: Final = 2.0
"""How long a restart waits for calls under way. One that hangs must not be cut off: the library would crash."""


class ModuleBusyError(HyokError):
    """A call that does not return keeps the library from being initialised anew."""


class Module:
    """One library and who is inside it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._users = 0
        self._generation = 0
        self._is_initialized = False
        self._inside = 0
        self._is_closed_for_restart = False
        self._changed = threading.Condition(threading.Lock())

    @property
    def generation(self) -> int:
        """How often the library was initialised."""
        return self._generation

    def acquire(self) -> None:
        """Become a user of the library, which is initialised when somebody first enters."""
        with self._changed:
            self._users += 1

    def release(self) -> None:
        """Be no user any more. The last one finalises the library, unless a call still hangs in it."""
        with self._changed:
            self._users -= 1
            if not self._users and self._is_initialized and not self._inside:
                self._is_initialized = False
                with contextlib.suppress(CryptokiError):
                    self.library.finalize()

    def enter(self) -> int:
        """Begin calls; waits while the library is initialised anew. Return the generation they belong to.

        CryptokiError if the library was not initialised yet and cannot be.
        """
        with self._changed:
            while self._is_closed_for_restart:
                self._changed.wait()
            if not self._is_initialized:
                self._initialize()
            self._inside += 1
            return self._generation

    def leave(self) -> None:
        """End calls that `enter` began."""
        with self._changed:
            self._inside -= 1
            if self._is_closed_for_restart and not self._inside:
                self._changed.notify_all()

    def restart(self, generation: int) -> None:
        """Initialise the library anew, unless somebody has since `generation`. The caller is not inside.

        CryptokiError if that fails; the next attempt may succeed. ModuleBusyError if calls do not return.
        """
        with self._changed:
            while self._is_closed_for_restart:
                self._changed.wait()
            if self._generation != generation:
                return
            self._is_closed_for_restart = True
            try:
                self._wait_until_empty()
                self._is_initialized = False
                with contextlib.suppress(CryptokiError):  # it may be in any state; what counts is what comes next
                    self.library.finalize()
                self._initialize()
            finally:
                self._is_closed_for_restart = False
                self._changed.notify_all()

    def _wait_until_empty(self) -> None:
        give_up_at = time.monotonic() + DRAIN_SECONDS
        while self._inside:
            if not self._changed.wait(give_up_at - time.monotonic()):
                raise ModuleBusyError(
                    f"{self.library.path} cannot be initialised anew: {self._inside} calls have not returned for "
                    f"{DRAIN_SECONDS:g} seconds"
                )

    def _initialize(self) -> None:
        # Counted before it is tried: whatever comes of it, earlier sessions are gone.
        self._generation += 1
        try:
            self.library.initialize()
        except CryptokiError as error:
            # Ours is the only use of the library in this process, so this is left of a restart that half failed.
            if error.code != ReturnCode.CKR_CRYPTOKI_ALREADY_INITIALIZED:
                raise
        self._is_initialized = True


class Modules:
    """The libraries of this process. There must be one such object in it."""

    def __init__(self) -> None:
        self._modules: dict[Path, Module] = {}
        self._lock = threading.Lock()

    def open(self, path: Path) -> Module:
        """Return the module at a path, loaded. OperatorError if it cannot be loaded."""
        path = path.resolve()
        with self._lock:
            module = self._modules.get(path)
            if module is None:
                module = self._modules[path] = Module(Library(path))
            return module
