from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path

import pytest
import trustme

from hyok.clock import deadline_in
from hyok.errors import OperatorError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion
from hyok.keymanagers.transit.manager import TransitKeyManager
from hyok.keymanagers.transit.policy import least_privilege_policy
from hyok.keymanagers.transit.session import RETRY_SECONDS
from hyok.keymanagers.transit.setup import AppRoleLogin, CertificateLogin, KubernetesLogin, Login, TokenLogin
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.tls import KeyPair
from tests.integration.transit.kubernetes import (
    AUDIENCE,
    NAMESPACE,
    SERVICE_ACCOUNT,
    service_account_token,
    token_reviews,
)
from tests.integration.transit.managers import (
    AAD,
    PLAINTEXT,
    failure_of,
    least_login,
    managing,
    new_key,
    new_token,
    root_login,
    run,
    seal,
    setup_of,
    soon,
)
from tests.integration.transit.servers import Server


async def _use(manager: TransitKeyManager, key: str) -> None:
    version, sealed = await seal(manager, key)
    assert await manager.decrypt(version, sealed, AAD, soon()) == PLAINTEXT


async def _use_for(seconds: float, manager: TransitKeyManager, key: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await _use(manager, key)
        await asyncio.sleep(0.02)


def _put_policy(server: Server, key: str) -> str:
    name = f"policy-{uuid.uuid4()}"
    server.do("POST", f"sys/policies/acl/{name}", {"policy": least_privilege_policy("transit", [key])})
    return name


def test_a_token_from_a_file_is_used_and_read_again_once_it_is_refused(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        key = new_key(server)
        file = tmp_path / "token"
        file.write_text(new_token(server, [key], ttl="1s", renewable=False) + "\n")
        async with managing(setup_of(server, TokenLogin(lambda: Secret(file.read_bytes())))) as manager:
            await _use(manager, key)
            file.write_text(new_token(server, [key], ttl="1h"))
            await _use_for(1.4, manager, key)

    run(check())


def test_a_token_that_expired_and_is_all_there_is_makes_the_keys_unavailable(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        token = new_token(server, [key], ttl="1s", renewable=False)
        async with managing(setup_of(server, TokenLogin(lambda: Secret(token.encode())))) as manager:
            version, sealed = await seal(manager, key)
            await asyncio.sleep(1.4)
            assert await failure_of(manager.decrypt(version, sealed, AAD, soon())) is KeyManagerFailure.UNAVAILABLE

    run(check())


def test_a_renewable_token_outlives_its_lease(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        token = new_token(server, [key], ttl="1s")
        async with managing(setup_of(server, TokenLogin(lambda: Secret(token.encode())))) as manager:
            await _use_for(2.3, manager, key)

    run(check())


def test_approle_logs_in_again_before_its_token_reaches_its_greatest_age(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        login = least_login(server, [key], token_ttl="1s", token_max_ttl="2s")
        async with managing(setup_of(server, login)) as manager:
            await _use_for(2.6, manager, key)

    run(check())


def test_a_wrong_secret_id_makes_the_keys_unavailable_and_is_never_shown(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        login = least_login(server, [key])
        wrong = AppRoleLogin(login.mount, login.role_id, lambda: Secret(b"wrong-secret-id"))
        async with managing(setup_of(server, wrong)) as manager:
            with pytest.raises(KeyManagerError, match="invalid role or secret ID") as raised:
                await manager.active_version(key, soon())
            assert raised.value.failure is KeyManagerFailure.UNAVAILABLE
            assert "wrong-secret-id" not in str(raised.value)

    run(check())


def test_a_secret_that_cannot_be_read_makes_the_keys_unavailable_until_it_can(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        login = least_login(server, [key])
        is_there = False

        def source() -> Secret:
            if not is_there:
                raise OperatorError("file:/run/secrets/secret-id: it is not there")
            return login.secret_id()

        async with managing(setup_of(server, login._replace(secret_id=source))) as manager:
            with pytest.raises(KeyManagerError, match="it is not there"):
                await manager.active_version(key, soon())
            is_there = True
            await asyncio.sleep(RETRY_SECONDS)
            await _use(manager, key)

    run(check())


def test_a_login_that_fails_is_not_tried_again_with_each_request(server: Server) -> None:
    async def check() -> None:
        attempts = 0

        def source() -> Secret:
            nonlocal attempts
            attempts += 1
            return Secret(b"wrong-secret-id")

        login = least_login(server, [new_key(server)])
        async with managing(setup_of(server, login._replace(secret_id=source))) as manager:
            for _ in range(50):
                assert await failure_of(manager.active_version("k", soon())) is KeyManagerFailure.UNAVAILABLE
                await asyncio.sleep(0.01)
        assert attempts <= 2

    run(check())


@pytest.mark.parametrize("token", [b"s.two\nlines", b"", b"s.\xff", b"   "])
def test_a_token_that_cannot_stand_in_a_header_is_not_sent(server: Server, token: bytes) -> None:
    async def check() -> None:
        async with managing(setup_of(server, TokenLogin(lambda: Secret(token)))) as manager:
            with pytest.raises(KeyManagerError, match="not one line of ASCII text") as raised:
                await manager.active_version("k", soon())
            assert raised.value.failure is KeyManagerFailure.UNAVAILABLE

    run(check())


def test_kubernetes_logs_in_with_the_service_accounts_token(server: Server) -> None:
    token = service_account_token()
    mount = f"kubernetes-{uuid.uuid4()}"
    key = new_key(server)

    async def check(login: Login) -> None:
        async with managing(setup_of(server, login)) as manager:
            await _use(manager, key)

    with token_reviews(token, server.authority) as api:
        server.do("POST", f"sys/auth/{mount}", {"type": "kubernetes"})
        configuration = {
            "kubernetes_host": api,
            "kubernetes_ca_cert": server.authority.cert_pem.bytes().decode(),
            "disable_local_ca_jwt": True,
        }
        server.do("POST", f"auth/{mount}/config", configuration)
        role = {
            "bound_service_account_names": SERVICE_ACCOUNT,
            "bound_service_account_namespaces": NAMESPACE,
            "audience": AUDIENCE,
            "token_policies": _put_policy(server, key),
            "token_ttl": "1h",
        }
        server.do("POST", f"auth/{mount}/role/hyok", role)
        run(check(KubernetesLogin(mount, "hyok", lambda: Secret(token.encode()))))
        with pytest.raises(KeyManagerError, match="login answered 403"):
            run(check(KubernetesLogin(mount, "hyok", lambda: Secret(service_account_token().encode()))))


def test_a_client_certificate_logs_in(server: Server) -> None:
    key = new_key(server)
    mount = f"cert-{uuid.uuid4()}"
    server.do("POST", f"sys/auth/{mount}", {"type": "cert"})
    role = {
        "certificate": server.authority.cert_pem.bytes().decode(),
        "token_policies": _put_policy(server, key),
        "token_ttl": "1h",
    }
    server.do("POST", f"auth/{mount}/certs/proxies", role)

    async def check(login: Login, key_pair: KeyPair | None) -> None:
        async with managing(setup_of(server, login, key_pair=key_pair)) as manager:
            await _use(manager, key)

    shown = _key_pair(server.authority)
    run(check(CertificateLogin(mount, "proxies"), shown))
    run(check(CertificateLogin(mount, ""), shown))
    with pytest.raises(KeyManagerError, match="login answered 400"):
        run(check(CertificateLogin(mount, "proxies"), None))


def test_a_namespace_has_keys_and_logins_of_its_own(server: Server) -> None:
    async def check() -> None:
        namespace = f"team-{os.urandom(4).hex()}"
        server.do("POST", f"sys/namespaces/{namespace}", {})
        server.do("POST", "sys/mounts/transit", {"type": "transit"}, namespace=namespace)
        server.do("POST", "transit/keys/theirs", {"type": "aes256-gcm96"}, namespace=namespace)
        server.do("POST", "sys/auth/approle", {"type": "approle"}, namespace=namespace)
        policy = least_privilege_policy("transit", ["theirs"])
        server.do("POST", "sys/policies/acl/theirs", {"policy": policy}, namespace=namespace)
        role = {"token_policies": "theirs", "token_ttl": "1h"}
        server.do("POST", "auth/approle/role/hyok", role, namespace=namespace)
        role_id = server.do("GET", "auth/approle/role/hyok/role-id", namespace=namespace)["role_id"]
        secret_id = server.do("POST", "auth/approle/role/hyok/secret-id", {}, namespace=namespace)["secret_id"]
        login = AppRoleLogin("approle", role_id, lambda: Secret(secret_id.encode()))
        async with managing(setup_of(server, login, namespace=namespace, health_key="theirs")) as manager:
            await _use(manager, "theirs")
            (member,) = await manager.check_health(soon())
            assert member.status.name == "ACTIVE"
        async with managing(setup_of(server, root_login(server))) as manager:
            assert await failure_of(manager.active_version("theirs", soon())) is KeyManagerFailure.KEY_NOT_FOUND

    run(check())


def test_the_least_policy_lets_do_all_that_is_needed_and_nothing_else(server: Server) -> None:
    async def check() -> None:
        key, other = new_key(server), new_key(server)
        token = new_token(server, [key], ttl="1h")
        async with managing(setup_of(server, TokenLogin(lambda: Secret(token.encode())), health_key=key)) as manager:
            await _use(manager, key)
            (member,) = await manager.check_health(soon())
            assert member.status.name == "ACTIVE"
            for forbidden in (other, "missing"):
                with pytest.raises(KeyManagerError, match="does the token's policy allow it") as raised:
                    await manager.encrypt(KeyVersion(forbidden, 1), PLAINTEXT, AAD, soon())
                assert raised.value.failure is KeyManagerFailure.UNAVAILABLE
        for method, path in (
            ("POST", f"transit/keys/{key}/rotate"),
            ("POST", f"transit/keys/{key}/config"),
            ("DELETE", f"transit/keys/{key}"),
            ("DELETE", f"transit/keys/{key}/soft-delete"),
            ("POST", "transit/keys/new"),
            ("POST", "transit/encrypt/new"),
            ("GET", "transit/keys?list=true"),
            ("GET", f"transit/export/encryption-key/{key}"),
        ):
            body = None if method == "GET" else {"plaintext": ""}
            assert server.ask(method, f"/v1/{path}", body, token=token).status == 403, path

    run(check())


def test_a_policy_that_forbids_a_key_does_not_make_the_manager_log_in_again_and_again(server: Server) -> None:
    async def check() -> None:
        key, other = new_key(server), new_key(server)
        logins = 0
        token = new_token(server, [key], ttl="1h")

        def source() -> Secret:
            nonlocal logins
            logins += 1
            return Secret(token.encode())

        async with managing(setup_of(server, TokenLogin(source))) as manager:
            for _ in range(24):
                work = manager.active_version(other, deadline_in(5))
                assert await failure_of(work) is KeyManagerFailure.UNAVAILABLE
                await asyncio.sleep(0.05)
            await _use(manager, key)
        assert logins == 1

    run(check())


def _key_pair(authority: trustme.CA) -> KeyPair:
    certificate = authority.issue_cert("hyok.test")
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    return KeyPair(
        PemSource("certificate", Secret(chain)), PemSource("key", Secret(certificate.private_key_pem.bytes()))
    )
