"""Any bytes are a configuration or one OperatorError of one line; nothing else comes out.

Keys whose value could be a secret are never echoed; that is proven by the unit tests.
"""

from __future__ import annotations

from pathlib import Path

from hyok.config.configuration import Configuration, build_configuration
from hyok.config.sources import parse_tables
from hyok.errors import OperatorError

SEEDS = (
    b'[storage]\nurl = "sqlite:///a.db"\n[root_key]\nsource = "file:k"\n[key_managers.s]\nkind = "embedded"\n',
    b'[proxy]\nlisten = "[::1]:1"\nworkers = 2\ncertificate = "file:a"\nprivate_key = "systemd-credential:b"\n',
    b'[proxy.client_certificates]\nauthorities = "file:a"\nsubjects = ["x"]\n[audit]\ndirectory = "/a"\n',
    b'[kms]\naccount = "123456789012"\nregion = "eu-west-1"\nstorage.url = "sqlite:///b"\nroot_key.source = "env:A"\n',
    b'[kms.endpoint_map]\n"a.b" = "c:1"\n[[kms.vpc_endpoint_services]]\naddress = "a:1"\n[metrics]\nlisten = "h:9"\n',
)


def fuzz_one(data: bytes) -> None:
    """Parse and check."""
    outcome = _outcome(data)
    assert isinstance(outcome, Configuration) or (outcome and "\n" not in outcome)


def _outcome(data: bytes) -> Configuration | str:
    try:
        return build_configuration(parse_tables(data, name="f"), file=Path("/f/hyok.toml"), environment={})
    except OperatorError as error:
        return str(error)
