"""Root keys, from where the configuration says they are."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from hyok.clock import deadline_in
from hyok.config.references import ReferenceScheme, SecretReference, resolve_secret
from hyok.config.root_sources import RootScheme, RootSource
from hyok.config.settings import Pkcs11KeyManagerSettings, TransitKeyManagerSettings
from hyok.custody.errors import IntegrityError
from hyok.custody.file_root import open_file_root, parse_root_key
from hyok.custody.outside_root import OutsideRoot, Wrapped
from hyok.custody.passphrase_root import PassphraseRoot
from hyok.custody.root_key import ROOT_KEY_BYTES, LocalRootKey, RootKey
from hyok.custody.slip39.errors import ShareError
from hyok.custody.slip39.share import decode_share
from hyok.custody.slip39.sharing import ShareCollection
from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyManager, KeyVersion, Sealed
from hyok.secret import Secret

OUTSIDE_SECONDS: Final = 10.0
"""For one call of a key manager: it is asked at start, when nobody waits but the operator."""
T = TypeVar("T")


def open_root_key(source: RootSource) -> RootKey:
    """Open the root key that a configuration names, asking at the terminal if it says so.

    OperatorError if it is missing or none.
    """
    match source.scheme:
        case RootScheme.SECRET:
            return _open_secret(source)
        case RootScheme.PASSPHRASE:
            return PassphraseRoot(_passphrase(source))
        case RootScheme.SHAMIR:
            return _open_shares(source)
        case RootScheme.PKCS11 | RootScheme.TRANSIT:
            return _open_outside(source)


def _open_secret(source: RootSource) -> RootKey:
    if (reference := source.secret) is None:
        raise OperatorError(f"{source} is no place that a root key can be in")
    if reference.scheme is ReferenceScheme.FILE:
        return open_file_root(Path(reference.target))
    return LocalRootKey(parse_root_key(resolve_secret(reference, os.environ).reveal(), location=str(reference)))


def _passphrase(source: RootSource) -> Secret:
    if source.secret is None:
        return Secret(ask_secret("Passphrase of the root key: ").encode())
    return Secret(resolve_secret(source.secret, os.environ).reveal().removesuffix(b"\n"))


def _open_shares(source: RootSource) -> RootKey:
    entered = _ask_shares() if source.secret is None else _read_shares(source.secret)
    secret = entered.secret()
    found = len(secret.reveal())
    if found != ROOT_KEY_BYTES:
        raise OperatorError(f"the shares are of a secret of {found} bytes, and a root key has {ROOT_KEY_BYTES}")
    return LocalRootKey(secret)


def _read_shares(reference: SecretReference) -> ShareCollection:
    shares = ShareCollection()
    lines = resolve_secret(reference, os.environ).reveal().decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.strip() and not shares.is_complete:
            try:
                shares.add(decode_share(line))
            except ShareError as error:
                raise OperatorError(f"{reference}: line {number}: {error}") from error
    if not shares.is_complete:
        raise OperatorError(f"{reference}: not enough shares: {shares.describe_need()}")
    return shares


def _ask_shares() -> ShareCollection:
    shares = ShareCollection()
    while not shares.is_complete:
        try:
            shares.add(decode_share(ask_secret(f"A share of the root key ({shares.describe_need()}): ")))
        except ShareError as error:
            print_at_terminal(f"{error}; enter it again, or another one")
    return shares


def _open_outside(source: RootSource) -> RootKey:
    def encrypt(plaintext: bytes, context: bytes) -> Wrapped:
        async def ask(manager: KeyManager) -> Wrapped:
            version = await manager.active_version(source.key_id, deadline_in(OUTSIDE_SECONDS))
            sealed = await manager.encrypt(version, plaintext, context, deadline_in(OUTSIDE_SECONDS))
            return Wrapped(version.number, sealed.iv, sealed.tag, sealed.ciphertext)

        return _ask_outside(source, ask)

    def decrypt(wrapped: Wrapped, context: bytes) -> bytes:
        async def ask(manager: KeyManager) -> bytes:
            sealed = Sealed(wrapped.ciphertext, wrapped.iv, wrapped.tag)
            version = KeyVersion(source.key_id, wrapped.version)
            try:
                return await manager.decrypt(version, sealed, context, deadline_in(OUTSIDE_SECONDS))
            except KeyManagerError as error:
                if error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED:
                    raise IntegrityError(f"key {source.key_id} of {source.key_manager} does not open it") from error
                raise

        return _ask_outside(source, ask)

    return OutsideRoot(f"{source.scheme.value}:{source.key_id}", encrypt, decrypt)


def _ask_outside(source: RootSource, ask: Callable[[KeyManager], Coroutine[object, None, T]]) -> T:
    """Ask the key manager, which is opened for this one question: a root key is used once in a process's life."""

    async def open_ask_close() -> T:
        manager = _open_manager(source)
        try:
            return await ask(manager)
        finally:
            await manager.aclose()

    # A thread of its own: this process may run a loop already.
    with ThreadPoolExecutor(1, thread_name_prefix="hyok-root-key") as thread:
        return thread.submit(lambda: asyncio.run(open_ask_close())).result()


def _open_manager(source: RootSource) -> KeyManager:
    match source.settings:
        case Pkcs11KeyManagerSettings() as settings:
            from hyok.assembly.pkcs11 import open_hsm
            from hyok.keymanagers.pkcs11.modules import Modules

            return open_hsm(source.key_manager, settings, Modules())
        case TransitKeyManagerSettings() as settings:
            from hyok.assembly.transit import open_transit

            return open_transit(settings)
        case _:
            raise OperatorError(f"{source}: there is no key manager of this kind and name in the configuration")


def ask_secret(prompt: str) -> str:
    """Ask at the terminal, without echo. OperatorError if there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would ask all the same, and show the answer
            return getpass.getpass(prompt)
    except (OSError, EOFError, getpass.GetPassWarning) as error:
        raise OperatorError(
            "the root key is to be entered at a terminal, and there is none; start at one, or hand it in by a "
            "reference (for example passphrase:systemd-credential:NAME)"
        ) from error


def print_at_terminal(sentence: str) -> None:
    """Tell whoever enters a secret what is wrong with it."""
    print(sentence, file=sys.stderr)
