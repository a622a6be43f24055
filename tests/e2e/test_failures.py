"""What an application sees when something on the way to the external key is not as it should be: AWS's exact errors."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
import trustme
from botocore.exceptions import ClientError

from tests.e2e.conftest import Protected
from tests.e2e.gate import Mode
from tests.e2e.processes import (
    EXPIRED_HOST,
    NOBODY_HOST,
    OTHER_HOST,
    Deployment,
    await_connected,
    await_state,
    deployment,
)
from tests.e2e.test_boto3 import refusal

NO_CONNECTION = (
    "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see "
    "this error repeatedly, verify that your external key store proxy is active and is connected to the network, and "
    "that its endpoint URI is correct in your external keystore."
)
NO_TLS = (
    "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, "
    "including its certificate."
)
TOO_SLOW = (
    "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If "
    "you see this error repeatedly, report it to your external key store proxy administrator."
)
NOT_AUTHENTICATED = (
    "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS proxy "
    "authentication credentials for your external key store and update if necessary."
)
NOT_CONNECTED = (
    "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the external "
    "key store and try the request again."
)
KEY_DISABLED = (
    "The external key associated with this KMS key in an external key store is not enabled in the external key "
    "manager. Enable the external key in the external key manager and retry the request."
)
KEY_NOT_FOUND = (
    "The external key associated with this KMS key in an external key store was not found in its external key manager. "
    "If the external key ID associated with this KMS key is incorrect, create a new KMS key with the correct external "
    "key ID."
)
CHANGE_SECONDS = 1.0
"""Within which a running proxy obeys a command."""


def test_a_disconnected_store_makes_its_keys_unavailable_until_it_is_connected(protected: Protected) -> None:
    kms = protected.kms
    blob = kms.encrypt(KeyId=protected.key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.disconnect_custom_key_store(CustomKeyStoreId=protected.store_id)
    await_state(kms, protected.store_id, "DISCONNECTED")
    try:
        assert kms.describe_key(KeyId=protected.key_id)["KeyMetadata"]["KeyState"] == "Unavailable"
        with pytest.raises(ClientError) as raised:
            kms.decrypt(CiphertextBlob=blob)
        assert refusal(raised.value) == ("KMSInvalidStateException", NOT_CONNECTED, 400)
        with pytest.raises(ClientError) as raised:
            kms.generate_data_key(KeyId=protected.key_id, KeySpec="AES_128")
        assert refusal(raised.value) == ("KMSInvalidStateException", NOT_CONNECTED, 400)
    finally:
        await_connected(kms, protected.store_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.parametrize(("mode", "message"), [(Mode.SHUT, NO_CONNECTION), (Mode.SLOW, TOO_SLOW)])
def test_a_proxy_that_is_down_or_slow_fails_the_call_in_time(protected: Protected, mode: Mode, message: str) -> None:
    blob = protected.kms.encrypt(KeyId=protected.key_id, Plaintext=b"x")["CiphertextBlob"]
    with protected.deployment.gate.being(mode):
        began = time.monotonic()
        with pytest.raises(ClientError) as raised:
            protected.kms.decrypt(CiphertextBlob=blob)
        assert refusal(raised.value) == ("KMSInvalidStateException", message, 400)
        # 250 ms, and once more after a time-out; the rest is this machine's.
        assert time.monotonic() - began < 1.5
    assert protected.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_key_disabled_by_its_holder_is_refused_within_a_second(protected: Protected) -> None:
    kms, deployed = protected.kms, protected.deployment
    blob = kms.encrypt(KeyId=protected.key_id, Plaintext=b"x")["CiphertextBlob"]
    deployed.hyok("key", "disable", deployed.external_key_id, "--yes")
    try:
        time.sleep(CHANGE_SECONDS)
        with pytest.raises(ClientError) as raised:
            kms.decrypt(CiphertextBlob=blob)
        assert refusal(raised.value) == ("KMSInvalidStateException", KEY_DISABLED, 400)
    finally:
        deployed.hyok("key", "enable", deployed.external_key_id)
    time.sleep(CHANGE_SECONDS)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_a_wrong_credential_is_refused_at_creation_and_names_itself_when_it_goes_bad(protected: Protected) -> None:
    deployed, kms = protected.deployment, protected.kms
    wrong = deployed.store_parameters("wrong credential") | {
        "XksProxyAuthenticationCredential": {
            "AccessKeyId": deployed.credential.access_key_id,
            "RawSecretAccessKey": "A" * 43,
        }
    }
    wrong["XksProxyUriPath"] = second_key_store(deployed)["uri_path"]
    with pytest.raises(ClientError) as raised:
        kms.create_custom_key_store(**wrong)
    assert refusal(raised.value) == ("XksProxyIncorrectAuthenticationCredentialException", NOT_AUTHENTICATED, 400)


def test_a_credential_deleted_at_the_proxy_fails_calls_and_connecting(protected: Protected) -> None:
    deployed, kms = protected.deployment, protected.kms
    second = second_key_store(deployed)
    store_id = kms.create_custom_key_store(
        **deployed.store_parameters("deleted credential")
        | {
            "XksProxyUriPath": second["uri_path"],
            "XksProxyAuthenticationCredential": {
                "AccessKeyId": second["access_key_id"],
                "RawSecretAccessKey": second["secret_access_key"],
            },
        }
    )["CustomKeyStoreId"]
    await_connected(kms, store_id)
    deployed.hyok("key", "create", "lost-credential", "--keystore", second["name"])
    time.sleep(CHANGE_SECONDS)
    key_id = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId="lost-credential")[
        "KeyMetadata"
    ]["KeyId"]
    deployed.hyok("credential", "delete", second["access_key_id"], "--yes")
    time.sleep(CHANGE_SECONDS)
    with pytest.raises(ClientError) as raised:
        kms.encrypt(KeyId=key_id, Plaintext=b"x")
    assert refusal(raised.value) == ("KMSInvalidStateException", NOT_AUTHENTICATED, 400)
    kms.disconnect_custom_key_store(CustomKeyStoreId=store_id)
    await_state(kms, store_id, "DISCONNECTED")
    kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    store = await_state(kms, store_id, "FAILED")
    assert store["ConnectionErrorCode"] == "INVALID_CREDENTIALS"


def test_an_external_key_that_is_not_there_cannot_be_tied_to_a_kms_key(protected: Protected) -> None:
    with pytest.raises(ClientError) as raised:
        protected.kms.create_key(
            Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=protected.store_id, XksKeyId="no-such-key"
        )
    assert refusal(raised.value) == ("XksKeyNotFoundException", KEY_NOT_FOUND, 400)


@pytest.mark.parametrize(
    ("host", "exception", "message"),
    [
        (OTHER_HOST, "XksProxyUriUnreachableException", NO_TLS),
        (NOBODY_HOST, "XksProxyUriUnreachableException", NO_CONNECTION),
    ],
    ids=["wrong server name", "nobody there"],
)
def test_a_proxy_that_cannot_be_reached_refuses_the_key_store(
    protected: Protected, host: str, exception: str, message: str
) -> None:
    with pytest.raises(ClientError) as raised:
        protected.kms.create_custom_key_store(**protected.deployment.store_parameters("unreachable", host=host))
    assert refusal(raised.value) == (exception, message, 400)


class _Silent(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.read(1)


@pytest.fixture
def expired_server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server whose certificate ran out yesterday, and its authority."""
    authority = trustme.CA()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificate = authority.issue_cert(EXPIRED_HOST, not_after=yesterday, not_before=yesterday - timedelta(days=30))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))

    class Server(ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def get_request(self) -> tuple[Any, Any]:
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: the client hangs up, which is what is tested."""

    with Server(("127.0.0.1", 0), _Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], tmp_path / "authority.pem"
        server.shutdown()


def test_an_expired_certificate_is_a_tls_failure(tmp_path: Path, expired_server: tuple[int, Path]) -> None:
    port, authority = expired_server
    with deployment(tmp_path / "both", expired_port=port, more_authorities=authority.read_text()) as deployed:
        kms = deployed.client()
        with pytest.raises(ClientError) as raised:
            kms.create_custom_key_store(**deployed.store_parameters("expired", host=EXPIRED_HOST))
        assert refusal(raised.value) == ("XksProxyUriUnreachableException", NO_TLS, 400)


def second_key_store(deployed: Deployment) -> dict[str, str]:
    """Make a key store of the proxy's with a credential; returns its name, path and the credential."""
    name = f"store-{time.monotonic_ns()}"
    created = deployed.hyok("keystore", "create", name, "--output", "json")
    credential = deployed.hyok("credential", "create", name, "--output", "json")
    time.sleep(CHANGE_SECONDS)
    return {
        "name": name,
        "uri_path": created["keystore"]["uri_path"],
        "access_key_id": credential["credential"]["access_key_id"],
        "secret_access_key": credential["credential"]["secret_access_key"],
    }
