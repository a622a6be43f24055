"""One proxy over three real key managers, each of which the tests may break and have to mend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.kmip.pykmip import NAME, PyKmipServer
from tests.integration.pkcs11.softhsm import PIN, SOFTHSM, SoftHsm
from tests.integration.spec.running import RunningProxy, hyok, running_proxy
from tests.integration.transit.servers import Server, running_server

_CONFIGURATION = """
[key_managers.hsm]
kind = "pkcs11"
module = "{module}"
token = {{ label = "prod" }}
pin = "file:hsm-pin"
preset = "softhsm"

[key_managers.bao]
kind = "transit"
servers = ["{transit.address}"]
authorities = "file:bao-ca.pem"
login = {{ kind = "token", token = "file:bao-token" }}

[key_managers.kmip]
kind = "kmip"
address = "{kmip.address.host}:{kmip.address.port}"
server_name = "{name}"
authorities = "file:kmip-ca.pem"
client_certificate = "file:kmip-client.pem"
client_private_key = "file:kmip-client.key"
versions = ["1.4"]
"""
COPIED = "copied"
"""A key in the HSM, with a copy in OpenBao."""


class Outages(NamedTuple):
    """What can be broken, and the proxy before it. Each manager has a key of its own name."""

    proxy: RunningProxy
    hsm: SoftHsm
    transit: Server
    kmip: PyKmipServer


@pytest.fixture(scope="package")
def outages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outages]:
    with (
        pytest.MonkeyPatch.context() as environment,
        running_server(tmp_path_factory.mktemp("transit")) as transit,
        PyKmipServer(tmp_path_factory.mktemp("kmip")) as kmip,
    ):
        transit.do("POST", "sys/mounts/transit", {"type": "transit"})
        hsm = SoftHsm(tmp_path_factory.mktemp("token"), environment)
        hsm.make_token("prod")

        def configure(directory: Path) -> None:
            _write_secrets(directory, transit, kmip)
            text = _CONFIGURATION.format(module=SOFTHSM, transit=transit, kmip=kmip, name=NAME)
            with (directory / "hyok.toml").open("a") as file:
                file.write(text)
            config = ("--config", str(directory / "hyok.toml"), "--output", "json")
            for manager in ("hsm", "bao", "kmip"):
                hyok("key", "create", manager, "--key-manager", manager, "--keystore", "main", *config)
            copied = ("--as", COPIED, "--key-manager", "hsm", "--copy", "bao:bao")
            hyok("key", "add", "hsm", "--keystore", "main", *copied, *config)

        with running_proxy(tmp_path_factory.mktemp("outages") / "holder", configure=configure) as proxy:
            yield Outages(proxy, hsm, transit, kmip)


def _write_secrets(directory: Path, transit: Server, kmip: PyKmipServer) -> None:
    for name, content in (("hsm-pin", PIN), ("bao-token", transit.root_token.encode())):
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    (directory / "bao-ca.pem").write_bytes(transit.authority.cert_pem.bytes())
    for name in ("ca.pem", "client.pem", "client.key"):
        shutil.copy(kmip.directory / name, directory / f"kmip-{name}")
    (directory / "kmip-client.key").chmod(0o600)
