"""The values that settings are made of: parsed once, when the configuration is read.

Each parser takes the text and the folder that relative paths are relative to, and raises ValueError; the sentence
around it is made by `reading.py`.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from hyok.config.references import (
    SecretReference,
    describe_reference,
    parse_secret_reference,
)
from hyok.config.root_sources import RootSource, describe_root_source, parse_root_source

_PASSWORD: Final = re.compile(r"[?&]password=", re.IGNORECASE)
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}")
_SQLITE: Final = "sqlite:///"
_POSTGRESQL: Final = "postgresql://"


class Address(NamedTuple):
    """A host (name or IP address) and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class StorageUrl(NamedTuple):
    """Where a storage is: an SQLite file, or a database on a PostgreSQL server."""

    path: Path | None
    """The file; None for a database on a server."""
    server: str = ""
    """The URL of a database on a server, without a password."""

    def __str__(self) -> str:
        return self.server or f"{_SQLITE}{self.path}"

    @property
    def is_absent(self) -> bool:
        """Whether it is a file that does not exist yet; of a server only a look at it can tell."""
        return self.path is not None and not self.path.is_file()


class ValueParser(NamedTuple):
    """How one type of value is read."""

    parse: Callable[[str, Path], object]
    allowed: str
    describe: Callable[[str], str]
    """Says what was found instead, without showing what could be a secret."""


def parse_address(text: str, _base: Path) -> Address:
    """Parse `host:port` or `[IPv6]:port`."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not port_text.isascii() or not port_text.isdecimal() or int(port_text[:6]) > 65535:
        raise ValueError("no port from 0 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return Address(str(ipaddress.IPv6Address(host[1:-1])), int(port_text))
    if not _HOST.fullmatch(host):
        raise ValueError("no host")
    return Address(host, int(port_text))


def parse_storage_url(text: str, base: Path) -> StorageUrl:
    """Parse `sqlite:///PATH`, in which a fourth slash begins an absolute path, or libpq's `postgresql://…`."""
    if text.startswith(_POSTGRESQL):
        return StorageUrl(None, _without_password(text))
    path = text.removeprefix(_SQLITE)
    if path == text or not path or path.endswith("/") or any(character in path for character in "?#\0"):
        raise ValueError("not SQLite, or not the path of a file")
    return StorageUrl(parse_path(path, base))


def _without_password(url: str) -> str:
    # The rest is libpq's to read. A password in the file would be in every copy of it.
    if urlsplit(url).password is not None or _PASSWORD.search(url):
        raise ValueError("a password is named by storage.password")
    if not url.isprintable() or " " in url:
        raise ValueError("no URL")
    return url


def parse_path(text: str, base: Path) -> Path:
    """Parse a path; a relative one is relative to `base`."""
    if not text or "\0" in text:
        raise ValueError("no path")
    return Path(os.path.normpath(base / text))


def describe_text(text: str) -> str:
    """Show a text that cannot be a secret, cut after 40 characters."""
    shown = text[:40].encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{shown}…"' if len(text) > 40 else f'"{shown}"'


def _describe_storage_url(text: str) -> str:
    """Show the scheme at most: the rest of a database URL may hold a password."""
    scheme, separator, _ = text.partition("://")
    if not separator or not re.fullmatch(r"[a-z0-9+]{1,20}", scheme):
        return f"a text of {len(text)} characters that is no URL"
    if scheme == "postgresql":
        return "`postgresql://…` with a password, which belongs into storage.password, or with a rest that does not fit"
    return "`sqlite://` with a rest that does not fit" if scheme == "sqlite" else f"`{scheme}://…`"


VALUE_PARSERS: Final[Mapping[type, ValueParser]] = {
    Address: ValueParser(parse_address, "host:port, for IPv6 [host]:port", describe_text),
    StorageUrl: ValueParser(
        parse_storage_url,
        "sqlite:///PATH, with a fourth slash if absolute, or postgresql://USER@HOST/DATABASE",
        _describe_storage_url,
    ),
    SecretReference: ValueParser(
        parse_secret_reference, "file:PATH, env:VARIABLE or systemd-credential:NAME", describe_reference
    ),
    RootSource: ValueParser(
        parse_root_source,
        "file:PATH, env:VARIABLE, systemd-credential:NAME, passphrase:tty or passphrase:REFERENCE, shamir:tty or "
        "shamir:REFERENCE, pkcs11:MANAGER/KEY or transit:MANAGER/KEY",
        describe_root_source,
    ),
    Path: ValueParser(parse_path, "a path", describe_text),
}
"""Every type of value that is written as a text in TOML and is more than a text."""
