from __future__ import annotations

import uuid

import pytest

from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.transit.administrator import TransitKeyAdministrator
from hyok.keymanagers.transit.policy import administration_policy
from hyok.keymanagers.transit.setup import TokenLogin
from hyok.secret import Secret
from tests.integration.transit.managers import AAD, PLAINTEXT, managing, new_key, root_login, run, seal, setup_of, soon
from tests.integration.transit.servers import Server

BOTH = frozenset(KeyUsage)


@pytest.fixture
def administrator(server: Server) -> TransitKeyAdministrator:
    """One whose token may do what the administration policy says, and no more."""
    name = f"policy-{uuid.uuid4()}"
    server.do("POST", f"sys/policies/acl/{name}", {"policy": administration_policy("transit")})
    token: str = server.do("POST", "auth/token/create", {"policies": [name], "ttl": "1h"})["client_token"]
    return TransitKeyAdministrator(lambda: setup_of(server, TokenLogin(lambda: Secret(token.encode()))))


def _name() -> str:
    return f"key-{uuid.uuid4()}"


def test_a_key_that_was_created_encrypts(server: Server, administrator: TransitKeyAdministrator) -> None:
    name = _name()
    created = administrator.create_key(name, BOTH)
    assert created[:5] == (name, BOTH, True, 1, 1)
    assert created.created_at > 1_700_000_000

    async def use() -> None:
        async with managing(setup_of(server, root_login(server))) as manager:
            version, sealed = await seal(manager, name)
            assert await manager.decrypt(version, sealed, AAD, soon()) == PLAINTEXT

    run(use())


def test_a_name_that_is_taken_is_refused_and_the_key_stays(administrator: TransitKeyAdministrator) -> None:
    name = _name()
    created = administrator.create_key(name, BOTH)
    with pytest.raises(NotDoneError, match="exists already"):
        administrator.create_key(name, BOTH)
    assert administrator.show_key(name) == created


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a."])
def test_a_name_that_no_key_can_have_is_refused(administrator: TransitKeyAdministrator, name: str) -> None:
    with pytest.raises(NotDoneError, match="no name of a Transit key"):
        administrator.create_key(name, BOTH)


def test_a_key_of_one_usage_is_refused(administrator: TransitKeyAdministrator) -> None:
    with pytest.raises(NotDoneError, match="always encrypts and decrypts"):
        administrator.create_key(_name(), frozenset({KeyUsage.DECRYPT}))


def test_a_rotated_key_has_one_version_more(administrator: TransitKeyAdministrator) -> None:
    name = _name()
    administrator.create_key(name, BOTH)
    rotated = administrator.rotate_key(name)
    assert (rotated.active_version, rotated.version_count) == (2, 2)


def test_a_key_is_disabled_and_enabled_as_often_as_one_likes(administrator: TransitKeyAdministrator) -> None:
    name = _name()
    administrator.create_key(name, BOTH)
    for _ in range(2):
        assert not administrator.disable_key(name).is_enabled
    for _ in range(2):
        assert administrator.enable_key(name).is_enabled


def test_all_keys_that_can_be_external_keys_are_listed(server: Server, administrator: TransitKeyAdministrator) -> None:
    name, disabled = _name(), _name()
    administrator.create_key(name, BOTH)
    administrator.create_key(disabled, BOTH)
    administrator.disable_key(disabled)
    foreign = {new_key(server, type="rsa-2048"), new_key(server, derived=True)}
    listed = {key.key_id: key for key in administrator.list_keys()}
    assert listed[name].is_enabled
    assert not listed[disabled].is_enabled
    assert not foreign & set(listed)
    assert list(listed) == sorted(listed)


def test_what_is_not_there_and_what_is_of_another_kind_is_refused(
    server: Server, administrator: TransitKeyAdministrator
) -> None:
    for change in (
        administrator.show_key,
        administrator.rotate_key,
        administrator.disable_key,
        administrator.enable_key,
    ):
        with pytest.raises(NotDoneError, match="has no key 'missing'"):
            change("missing")
    with pytest.raises(NotDoneError, match="is derived"):
        administrator.show_key(new_key(server, derived=True))


def test_the_administrators_policy_does_not_let_use_keys(server: Server) -> None:
    key = new_key(server)
    name = f"policy-{uuid.uuid4()}"
    server.do("POST", f"sys/policies/acl/{name}", {"policy": administration_policy("transit")})
    token = server.do("POST", "auth/token/create", {"policies": [name], "ttl": "1h"})["client_token"]

    async def use() -> None:
        async with managing(setup_of(server, TokenLogin(lambda: Secret(token.encode())))) as manager:
            with pytest.raises(KeyManagerError, match="permission denied"):
                await seal(manager, key)

    run(use())
