"""Mutual TLS with PyKMIP's server: who is let in, whom hyok trusts, and what an operator reads when it fails."""

from __future__ import annotations

import pytest
import trustme

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.vocabulary import ProtocolVersion
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, client_context
from tests.integration.kmip.managers import failure, play, soon
from tests.integration.kmip.pykmip import PyKmipServer
from tests.unit.transport.certificates import authority_source, key_pair


def refusal(setup: KmipSetup) -> str:
    """Return why the server cannot be used."""

    async def scenario(manager: KmipKeyManager) -> str:
        (member,) = await manager.check_health(soon())
        assert member.status is HealthStatus.UNAVAILABLE
        assert manager.vendor == "KMIP server"
        error = await failure(manager.describe_key("key", soon()))
        assert error.failure is KeyManagerFailure.UNAVAILABLE
        return error.detail

    return play(setup, scenario)


def test_a_server_of_another_authority_is_not_trusted(server: PyKmipServer) -> None:
    tls = client_context(authority_source(trustme.CA()), server.client_key_pair(), application_protocol=None)
    assert "no TLS" in refusal(server.setup(tls=tls))


def test_a_server_of_another_name_is_not_trusted(server: PyKmipServer) -> None:
    assert "no TLS" in refusal(server.setup(server_name="another.test"))


def test_the_server_lets_nobody_in_without_a_certificate_of_its_authority(server: PyKmipServer) -> None:
    trusted: PemSource = server.pem("ca.pem")
    stranger: KeyPair = key_pair(trustme.CA(), "hyok", common_name="hyok")
    for pair in (None, stranger):
        assert "TLS" in refusal(server.setup(tls=client_context(trusted, pair, application_protocol=None)))


def test_a_server_that_is_not_there_is_unavailable(server: PyKmipServer) -> None:
    assert "no connection" in refusal(server.setup(address=Address("127.0.0.1", 1)))


@pytest.mark.parametrize("spoken", [(2, 1), (3, 0)])
def test_a_server_that_speaks_none_of_the_versions_says_which_it_does_not(
    server: PyKmipServer, spoken: tuple[int, int]
) -> None:
    detail = refusal(server.setup(ProtocolVersion(*spoken)))
    assert "speaks none of KMIP" in detail
    assert "{}.{}".format(*spoken) in detail
