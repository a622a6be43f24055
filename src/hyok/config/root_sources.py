"""Where a root key comes from: a secret somewhere, a passphrase, shares of words, or a key manager that keeps it."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from hyok.config.references import ReferenceScheme, SecretReference, describe_reference, parse_secret_reference

if TYPE_CHECKING:
    from hyok.config.settings import KeyManagerSettings

TERMINAL: Final = "tty"


class RootScheme(Enum):
    """What kind of root key it is. The values are what stands before the colon."""

    SECRET = "secret"  # noqa: S105  # a word for a kind
    """The key itself, under the scheme of its reference."""
    PASSPHRASE = "passphrase"  # noqa: S105  # a word for a kind
    """Derived from a passphrase."""
    SHAMIR = "shamir"
    """Put together of SLIP-0039 shares."""
    PKCS11 = "pkcs11"
    """In the HSM of a key manager that is configured."""
    TRANSIT = "transit"
    """In the OpenBao or Vault of a key manager that is configured."""


class RootSource(NamedTuple):
    """Where a root key is, or how it is entered."""

    scheme: RootScheme
    secret: SecretReference | None = None
    """Where the key, the passphrase or the shares are; None if they are entered at the terminal, or there are none."""
    key_manager: str = ""
    """The configuration's name of the key manager that has it."""
    key_id: str = ""
    """The key's name there."""
    settings: KeyManagerSettings | None = None
    """Those of the key manager, once the whole configuration is read."""

    @property
    def is_entered(self) -> bool:
        """Whether somebody enters it at the terminal."""
        return self.secret is None and not self.key_manager

    def __str__(self) -> str:
        if self.key_manager:
            return f"{self.scheme.value}:{self.key_manager}/{self.key_id}"
        target = TERMINAL if self.secret is None else str(self.secret)
        return target if self.scheme is RootScheme.SECRET else f"{self.scheme.value}:{target}"


def parse_root_source(text: str, base: Path) -> RootSource:
    """Parse what stands in `root_key.source`; a relative path is relative to `base`. ValueError if it does not fit."""
    name, _, target = text.partition(":")
    match name:
        case RootScheme.PASSPHRASE.value | RootScheme.SHAMIR.value:
            secret = None if target == TERMINAL else parse_secret_reference(target, base)
            return RootSource(RootScheme(name), secret)
        case RootScheme.PKCS11.value | RootScheme.TRANSIT.value:
            manager, slash, key_id = target.partition("/")
            if not slash or not _MANAGER.fullmatch(manager) or not _KEY.fullmatch(key_id):
                raise ValueError("not a key manager's name and a key's name")
            return RootSource(RootScheme(name), key_manager=manager, key_id=key_id)
        case _:
            return RootSource(RootScheme.SECRET, parse_secret_reference(text, base))


def describe_root_source(text: str) -> str:
    """Say what stands in place of a source without showing it: it may be the secret itself, by mistake."""
    scheme = text.partition(":")[0]
    if scheme in {known.value for known in RootScheme} - {RootScheme.SECRET.value} and ":" in text:
        return f"`{scheme}:` with a target that does not fit"
    return describe_reference(text)


def resolves_to_key(source: RootSource) -> SecretReference | None:
    """Return where the key itself is, if it is anywhere."""
    return source.secret if source.scheme is RootScheme.SECRET else None


def names_variable(source: RootSource) -> str | None:
    """Return the environment variable that has the key, the passphrase or the shares, if one has."""
    if source.secret is not None and source.secret.scheme is ReferenceScheme.ENVIRONMENT:
        return source.secret.target
    return None


_MANAGER: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_KEY: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
