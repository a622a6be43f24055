"""Configuration files for the tests of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hyok.config.configuration import Configuration, load_configuration

HOLDER = """
[storage]
url = "sqlite:///hyok.db"
[root_key]
source = "file:root.key"
[proxy]
listen = "127.0.0.1:0"
certificate = "file:tls/server.pem"
private_key = "file:tls/server.key"
[key_managers.software]
kind = "embedded"
"""

KMS = """
[kms]
account = "123456789012"
region = "eu-central-1"
[kms.storage]
url = "sqlite:///kms.db"
[kms.root_key]
source = "file:kms-root.key"
"""


def load(directory: Path, text: str, environment: Mapping[str, str] | None = None) -> Configuration:
    """Write `hyok.toml` into `directory` and load it."""
    file = directory / "hyok.toml"
    file.write_text(text)
    return load_configuration(file, environment or {})
