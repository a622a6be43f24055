"""References to secrets: the configuration says where a secret is, never what it is.

A message names the reference and never the value; where a text is no reference at all it may be the secret itself, put
in by mistake, so it is described by its length only.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from hyok.errors import OperatorError
from hyok.secret import Secret

MAX_SECRET_BYTES: Final = 1024 * 1024
"""More than any key, password or certificate chain; a device or a log named by mistake is not read into memory."""

CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd says it has put a unit's credentials (systemd.exec(5), LoadCredential=)."""


class ReferenceScheme(Enum):
    """Where a secret can be. The values are what stands before the colon."""

    FILE = "file"
    ENVIRONMENT = "env"
    SYSTEMD_CREDENTIAL = "systemd-credential"


class SecretReference(NamedTuple):
    """Where a secret is: in a file, an environment variable or a systemd credential."""

    scheme: ReferenceScheme
    target: str
    """An absolute path, a variable's name or a credential's name."""

    def __str__(self) -> str:
        return f"{self.scheme.value}:{self.target}"


def parse_secret_reference(text: str, base: Path) -> SecretReference:
    """Parse `scheme:target`; a relative path is relative to `base`. ValueError if it does not fit."""
    name, colon, target = text.partition(":")
    scheme = ReferenceScheme(name)  # its ValueError is ours
    if not colon or not target or "\0" in target:
        raise ValueError("a reference has a target")
    match scheme:
        case ReferenceScheme.FILE:
            return SecretReference(scheme, os.path.normpath(base / target))
        case ReferenceScheme.SYSTEMD_CREDENTIAL if "/" in target or target in {".", ".."}:
            raise ValueError("a credential is a plain name")
        case ReferenceScheme.ENVIRONMENT if "=" in target:
            raise ValueError("a variable's name has no equals sign")
        case ReferenceScheme.SYSTEMD_CREDENTIAL | ReferenceScheme.ENVIRONMENT:
            return SecretReference(scheme, target)


def describe_reference(text: str) -> str:
    """Say what stands in place of a reference without showing it, unless its scheme is one of ours or nearly so."""
    scheme, colon, _ = text.partition(":")
    known = [known.value for known in ReferenceScheme]
    if colon and scheme in known:
        return f"`{scheme}:` with a target that does not fit"
    near = difflib.get_close_matches(scheme, known, n=1) if colon and scheme.isprintable() else []
    if near:
        return f"of the unknown scheme `{scheme}:` (did you mean `{near[0]}:`?)"
    return f"a text of {len(text)} characters without such a scheme"


def resolve_secret(reference: SecretReference, environment: Mapping[str, str]) -> Secret:
    """Fetch what a reference names, byte for byte. OperatorError names the reference and the reason."""
    path = resolve_path(reference, environment)
    value = _variable(reference, environment) if path is None else _read(reference, path)
    if not value:
        raise OperatorError(f"{reference}: it is empty")
    return Secret(value)


def resolve_path(reference: SecretReference, environment: Mapping[str, str]) -> Path | None:
    """Return the path of the file that a reference names, whether or not it is there; None for `env:`.

    OperatorError for a credential outside a systemd unit.
    """
    match reference.scheme:
        case ReferenceScheme.FILE:
            return Path(reference.target)
        case ReferenceScheme.SYSTEMD_CREDENTIAL:
            directory = environment.get(CREDENTIALS_DIRECTORY)
            if not directory:
                raise OperatorError(
                    f"{reference}: {CREDENTIALS_DIRECTORY} is not set; this reference works in a systemd unit with "
                    f"LoadCredential={reference.target}:PATH"
                )
            return Path(directory) / reference.target
        case ReferenceScheme.ENVIRONMENT:
            return None


def _variable(reference: SecretReference, environment: Mapping[str, str]) -> bytes:
    value = environment.get(reference.target)
    if value is None:
        raise OperatorError(f"{reference}: there is no environment variable {reference.target}; set it")
    return os.fsencode(value)


def _read(reference: SecretReference, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"{reference}: cannot read {path}: {error.strerror}") from error
    if len(content) > MAX_SECRET_BYTES:
        raise OperatorError(f"{reference}: {path} is larger than {MAX_SECRET_BYTES} bytes, which no secret is")
    return content
