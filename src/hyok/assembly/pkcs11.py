"""HSMs by PKCS#11, from their settings."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from hyok.clock import Clock, SystemClock
from hyok.config.references import resolve_secret
from hyok.config.settings import Pkcs11KeyManagerSettings, TokenNameSettings
from hyok.errors import OperatorError
from hyok.keymanagers.pkcs11.administrator import Pkcs11KeyAdministrator
from hyok.keymanagers.pkcs11.apart import apart
from hyok.keymanagers.pkcs11.dialects import choose_dialect
from hyok.keymanagers.pkcs11.library import CryptokiError
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.keymanagers.pkcs11.opening import TokenAccess
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup
from hyok.keymanagers.pkcs11.slots import TokenName, TokenNameKind


def open_hsm(
    name: str, settings: Pkcs11KeyManagerSettings, modules: Modules, *, others_stand_in: bool = False
) -> Pkcs11KeyManager:
    """Connect to the token. OperatorError if it does not serve, unless others stand in while it is away."""
    manager = Pkcs11KeyManager(_setup(name, settings, modules))
    manager.connect(others_stand_in=others_stand_in)
    return manager


def administer_hsm(
    name: str, settings: Pkcs11KeyManagerSettings, modules: Modules, clock: Clock
) -> Pkcs11KeyAdministrator:
    """Make what changes its keys; the library is loaded when it is asked."""
    return Pkcs11KeyAdministrator(partial(_setup, name, settings, modules), clock)


def try_hsm(settings: Pkcs11KeyManagerSettings) -> tuple[str, ...]:
    """Try to reach the token; what does not work, in sentences."""
    return administer_hsm("", settings, Modules(), SystemClock()).find_faults()


def _setup(name: str, settings: Pkcs11KeyManagerSettings, modules: Modules) -> Pkcs11Setup:
    """Load the maker's library and tell which token and how. OperatorError if that cannot be done."""
    return Pkcs11Setup(
        name=name,
        module=modules.open(settings.module),
        access=TokenAccess(
            token=_token_name(name, settings.token),
            pin=None if settings.pin is None else resolve_secret(settings.pin, os.environ),
            dialect=choose_dialect(
                settings.preset, iv=settings.iv, iv_bytes=settings.iv_bytes, iv_bits=settings.iv_bits
            ),
        ),
        sessions=settings.sessions,
        queue_length=settings.queue_length,
    )


@apart
def first_token(module: Path) -> str:
    """Return the label of the token in the first slot of a library. OperatorError if there is none."""
    opened = Modules().open(module)
    opened.acquire()
    try:
        opened.enter()
        try:
            slots = opened.library.list_slots()
            if not slots:
                raise OperatorError(f"{module} has no token in any slot; is the HSM reachable?")
            return opened.library.token_info(slots[0]).label
        finally:
            opened.leave()
    except CryptokiError as error:
        raise OperatorError(f"{module} does not show its tokens: {error}") from error
    finally:
        opened.release()


def _token_name(manager: str, settings: TokenNameSettings) -> TokenName:
    given = [
        TokenName(kind, str(value))
        for kind, value in (
            (TokenNameKind.LABEL, settings.label),
            (TokenNameKind.SERIAL, settings.serial),
            (TokenNameKind.SLOT, settings.slot),
        )
        if value is not None
    ]
    if len(given) != 1:
        raise OperatorError(
            f"key_managers.{manager}.token: {len(given)} of label, serial and slot are given; exactly one names it"
        )
    return given[0]
