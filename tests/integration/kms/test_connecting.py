"""ConnectCustomKeyStore and DisconnectCustomKeyStore on proxies that can and cannot be reached, and across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from hyok.awsjson.errors import AwsError
from hyok.kms.external_failures import ExternalFailure
from hyok.kms.store_transitions import LifecycleTimes
from hyok.storage.changes import changes_since
from tests.integration.kms.misbehaving_proxy import MisbehavingProxy, error, hang
from tests.integration.kms.rig import HOST, QUICK, Rig, server_tls

NEVER_SETTLES = LifecycleTimes(settle_seconds=3600.0, health_check_seconds=3600.0)
CHECKS_OFTEN = LifecycleTimes(settle_seconds=0.01, health_check_seconds=0.02)


@contextmanager
def a_rig(
    directory: Path,
    runner: asyncio.Runner,
    authority: trustme.CA,
    proxy: MisbehavingProxy,
    *,
    times: LifecycleTimes = QUICK,
    client_certificate: trustme.LeafCert | None = None,
) -> Iterator[Rig]:
    rig = Rig(
        directory,
        runner,
        authority=authority,
        ports={HOST: proxy.port},
        times=times,
        client_certificate=client_certificate,
    )
    try:
        yield rig
    finally:
        rig.close()


@contextmanager
def another_proxy(
    runner: asyncio.Runner, certificate: trustme.LeafCert, *, client_authority: trustme.CA | None = None
) -> Iterator[MisbehavingProxy]:
    proxy = MisbehavingProxy(server_tls(certificate, client_authority=client_authority))
    runner.run(proxy.start())
    try:
        yield proxy
    finally:
        runner.run(proxy.stop())


def connect(rig: Rig, store_id: str) -> tuple[str, str | None]:
    assert rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id) == {}
    entry = rig.settled(store_id)
    return entry["ConnectionState"], entry.get("ConnectionErrorCode")


def refusal(rig: Rig, operation: str, store_id: str) -> str:
    with pytest.raises(AwsError) as raised:
        rig.call(operation, CustomKeyStoreId=store_id)
    return raised.value.code


def test_a_store_connects_in_the_background_and_disconnects_so(rig: Rig) -> None:
    store_id = rig.create_store()
    assert rig.describe(store_id)["ConnectionState"] == "DISCONNECTED"
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    assert rig.describe(store_id)["ConnectionState"] == "CONNECTING"
    assert rig.settled(store_id)["ConnectionState"] == "CONNECTED"
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    assert rig.describe(store_id)["ConnectionState"] == "DISCONNECTING"
    assert rig.settled(store_id)["ConnectionState"] == "DISCONNECTED"


def test_connecting_asks_for_the_proxys_health_in_the_callers_name(rig: Rig, proxy: MisbehavingProxy) -> None:
    rig.create_connected_store()
    created, connected = proxy.asked
    assert created.path == connected.path == "/held/kms/xks/v1/health"
    assert created.body["requestMetadata"]["kmsOperation"] == "CreateCustomKeyStore"
    assert connected.body["requestMetadata"]["kmsOperation"] == "ConnectCustomKeyStore"
    assert created.body["requestMetadata"].keys() == {"kmsOperation", "kmsRequestId"}


def test_a_connected_store_is_checked_again_and_again_until_it_disconnects(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with a_rig(tmp_path, runner, authority, proxy, times=CHECKS_OFTEN) as rig:
        store_id = rig.create_connected_store()
        rig.run(asyncio.sleep(0.1))
        checks = [asked.body["requestMetadata"] for asked in proxy.asked[2:]]
        assert {check["kmsOperation"] for check in checks} == {"KmsHealthCheck"}
        assert len({check["kmsRequestId"] for check in checks}) == len(checks) >= 2
        proxy.script["GetHealthStatus"] = error("InternalException", 500)
        rig.run(asyncio.sleep(0.1))
        found = rig.connections.last_health(store_id)
        assert found is not None
        assert found.failure is ExternalFailure.INTERNAL
        assert rig.describe(store_id)["ConnectionState"] == "CONNECTED"
        rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
        rig.settled(store_id)
        before = len(proxy.asked)
        rig.run(asyncio.sleep(0.05))
        assert len(proxy.asked) == before
        assert rig.connections.last_health(store_id) is None


def test_one_degraded_instance_is_enough(rig: Rig, proxy: MisbehavingProxy) -> None:
    async def behave(_asked: object) -> object:
        return proxy.healthy("UNAVAILABLE", "DEGRADED")

    proxy.script["GetHealthStatus"] = behave  # type: ignore[assignment]  # the answer's type is the proxy's own
    rig.create_connected_store()


def test_a_failed_store_must_be_disconnected_before_it_connects_again(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    proxy.script["GetHealthStatus"] = error("InternalException", 500)
    assert connect(rig, store_id)[0] == "FAILED"
    del proxy.script["GetHealthStatus"]
    assert refusal(rig, "ConnectCustomKeyStore", store_id) == "CustomKeyStoreInvalidStateException"
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    entry = rig.describe(store_id)
    assert entry["ConnectionState"] == "DISCONNECTED"
    assert "ConnectionErrorCode" not in entry
    assert connect(rig, store_id) == ("CONNECTED", None)


def test_a_proxy_that_asks_for_a_client_certificate_gets_the_one_that_was_set(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, certificate: trustme.LeafCert
) -> None:
    client_authority = trustme.CA()
    shown = client_authority.issue_cert(common_name="cks.kms.eu-central-1.amazonaws.com")
    with another_proxy(runner, certificate, client_authority=client_authority) as proxy:
        with a_rig(tmp_path, runner, authority, proxy, client_certificate=shown) as rig:
            store_id = rig.create_connected_store()
            rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
            rig.settled(store_id)
        with a_rig(tmp_path, runner, authority, proxy) as rig:
            assert connect(rig, store_id) == ("FAILED", "XKS_PROXY_INVALID_TLS_CONFIGURATION")


def test_a_store_that_disconnects_while_it_connects_does_not_connect(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    proxy.script["GetHealthStatus"] = hang
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    rig.run(asyncio.sleep(0.05))
    assert len(proxy.asked) == 2
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    assert rig.settled(store_id)["ConnectionState"] == "DISCONNECTED"
    rig.run(asyncio.sleep(0.05))
    assert rig.describe(store_id)["ConnectionState"] == "DISCONNECTED"


def test_connecting_twice_is_connecting_once(rig: Rig, proxy: MisbehavingProxy) -> None:
    store_id = rig.create_store()
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    rig.settled(store_id)
    assert connect(rig, store_id) == ("CONNECTED", None)
    assert len(proxy.asked) == 2


def test_a_defect_of_ours_while_connecting_is_an_internal_error(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store_id = rig.create_store()

    async def fail(*_: object) -> None:
        raise ZeroDivisionError("-".join(["any", "value"]))

    monkeypatch.setattr(rig.connections, "check", fail)
    assert connect(rig, store_id) == ("FAILED", "INTERNAL_ERROR")
    assert "ZeroDivisionError" in caplog.text
    assert "any-value" not in caplog.text


def test_a_connected_store_is_usable_after_a_restart_even_if_its_proxy_is_down_then(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        store_id = rig.create_connected_store()
        key = rig.create_key(store_id)
        blob = rig.call("Encrypt", KeyId=key, Plaintext=b"4711")["CiphertextBlob"]
    runner.run(proxy.stop())
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        assert rig.describe(store_id)["ConnectionState"] == "CONNECTED"
        runner.run(proxy.start())
        assert rig.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"4711"


def test_a_start_goes_on_connecting_where_the_last_run_broke_off(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with a_rig(tmp_path, runner, authority, proxy, times=NEVER_SETTLES) as rig:
        store_id = rig.create_store()
        rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        assert rig.settled(store_id)["ConnectionState"] == "CONNECTED"


def test_a_start_finishes_disconnecting(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        store_id = rig.create_connected_store()
    with a_rig(tmp_path, runner, authority, proxy, times=NEVER_SETTLES) as rig:
        rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
    with a_rig(tmp_path, runner, authority, proxy, times=NEVER_SETTLES) as rig:
        assert rig.describe(store_id)["ConnectionState"] == "DISCONNECTED"


def test_a_failed_store_is_still_failed_after_a_restart(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        store_id = rig.create_store()
        proxy.script["GetHealthStatus"] = error("AuthenticationFailedException", 401)
        assert connect(rig, store_id) == ("FAILED", "INVALID_CREDENTIALS")
    with a_rig(tmp_path, runner, authority, proxy) as rig:
        entry = rig.describe(store_id)
        assert (entry["ConnectionState"], entry["ConnectionErrorCode"]) == ("FAILED", "INVALID_CREDENTIALS")


@contextmanager
def another_process(
    directory: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> Iterator[Rig]:
    """Yield a second KMS on the same storage that takes over soon what the first does not see through."""
    times = QUICK._replace(take_over_seconds=0.1)
    with a_rig(directory, runner, authority, proxy, times=times) as other:
        yield other


def follow(rig: Rig) -> None:
    """Do what the follower of the change log does four times a second."""
    turns = rig.space.turns
    with rig.reading() as connection:
        changes = changes_since(connection, turns.position)
    rig.run(turns.apply(changes))


def test_what_a_process_does_not_finish_another_on_the_same_storage_does(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with (
        a_rig(tmp_path, runner, authority, proxy, times=NEVER_SETTLES) as stuck,
        another_process(tmp_path, runner, authority, proxy) as other,
    ):
        store_id = stuck.create_store()
        stuck.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
        follow(other)
        assert other.describe(store_id)["ConnectionState"] == "CONNECTING"
        assert other.settled(store_id)["ConnectionState"] == "CONNECTED"
        key = other.create_key(store_id)
        follow(stuck)  # it has come to itself: what it had begun is done
        assert stuck.describe(store_id)["ConnectionState"] == "CONNECTED"
        assert stuck.call("Encrypt", KeyId=key, Plaintext="eA==")["KeyId"] == key
        stuck.call("DisconnectCustomKeyStore", CustomKeyStoreId=store_id)
        follow(other)
        assert refusal_of_use(other, key) == "KMSInvalidStateException"
        assert other.settled(store_id)["ConnectionState"] == "DISCONNECTED"
        follow(stuck)
        assert stuck.describe(store_id)["ConnectionState"] == "DISCONNECTED"


def test_a_take_over_that_finds_the_proxy_gone_fails_for_all(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, certificate: trustme.LeafCert
) -> None:
    with another_proxy(runner, certificate) as gone, a_rig(tmp_path, runner, authority, gone) as one:
        store_id = one.create_store()
    with (
        a_rig(tmp_path, runner, authority, gone, times=NEVER_SETTLES) as stuck,
        another_process(tmp_path, runner, authority, gone) as other,
    ):
        stuck.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
        follow(other)
        assert other.settled(store_id)["ConnectionErrorCode"] == "XKS_PROXY_NOT_REACHABLE"
        follow(stuck)
        assert stuck.describe(store_id)["ConnectionState"] == "FAILED"


def test_what_a_process_finishes_in_time_is_not_done_twice(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    with (
        a_rig(tmp_path, runner, authority, proxy) as one,
        another_process(tmp_path, runner, authority, proxy) as other,
    ):
        store_id = one.create_store()
        one.call("ConnectCustomKeyStore", CustomKeyStoreId=store_id)
        follow(other)
        assert one.settled(store_id)["ConnectionState"] == "CONNECTED"
        follow(other)
        asked = len(proxy.asked)
        runner.run(asyncio.sleep(0.3))
        assert len(proxy.asked) == asked
        assert other.describe(store_id)["ConnectionState"] == "CONNECTED"


def refusal_of_use(rig: Rig, key: str) -> str:
    with pytest.raises(AwsError) as raised:
        rig.call("Encrypt", KeyId=key, Plaintext="eA==")
    return raised.value.code
