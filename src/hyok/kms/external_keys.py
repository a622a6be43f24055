"""External keys as KMS keys use them: checked once when a KMS key is tied to one, then encrypting and decrypting.

KMS trusts no answer of a proxy: sizes and the integrity value are verified before anything is kept.
"""

from __future__ import annotations

import hmac
import logging
from typing import Final, Protocol

from hyok.awsjson.errors import AwsError
from hyok.clock import NO_DEADLINE
from hyok.kms.call import Call
from hyok.kms.external_failures import ExternalFailure, failure_of, for_create_key, for_crypto
from hyok.kms.request_quotas import RequestQuotas
from hyok.kms.values import ExternalKeyReference, KmsKey, OuterSealed
from hyok.xks.integrity import integrity_value
from hyok.xks.messages import (
    DecryptRequest,
    EncryptRequest,
    EncryptResponse,
    GetKeyMetadataResponse,
    KeyStatus,
    RequestMetadata,
)
from hyok.xks_client import XksClientError, XksMalformed, XksProxyClient

_log: Final = logging.getLogger(__name__)


class ConnectedClients(Protocol):
    """Knows how to talk to the proxies of connected stores."""

    def client(self, store_id: str) -> XksProxyClient | None:
        """Return the client of a connected store, else None."""
        ...


class ExternalKeys:
    """The external keys of all connected key stores."""

    def __init__(self, clients: ConnectedClients, quotas: RequestQuotas | None = None) -> None:
        self._clients = clients
        self._quotas = quotas

    async def check_new(self, call: Call, store_id: str, xks_key_id: str) -> None:
        """Refuse, in CreateKey's words, an external key that no KMS key can be tied to."""
        client = self._clients.client(store_id)
        if client is None:
            raise for_create_key(ExternalFailure.STORE_NOT_CONNECTED)
        try:
            # The KMS key has no ARN yet.
            key = await client.get_key_metadata(xks_key_id, _request_metadata(call, ""), NO_DEADLINE)
        except XksClientError as error:
            _log.info("request %s: GetKeyMetadata in %s failed: %s", call.request_id, store_id, error)
            raise for_create_key(failure_of(error)) from error
        _require_suitable(key)

    async def seal(self, call: Call, key: KmsKey, inner: bytes, aad: bytes) -> OuterSealed:
        """Encrypt an inner ciphertext under the key's external key, and verify what comes back (XKS API, Encrypt)."""
        reference, client = self._reach(key)
        request = EncryptRequest(_request_metadata(call, key.arn), inner, "AES_GCM", aad, "SHA_256")
        try:
            answer = await client.encrypt(reference.xks_key_id, request, NO_DEADLINE)
            _verify(answer, request)
        except XksClientError as error:
            raise _failed(call, reference, error) from error
        return OuterSealed(
            answer.ciphertext, answer.initialization_vector, answer.authentication_tag, answer.ciphertext_metadata
        )

    async def open(self, call: Call, key: KmsKey, outer: OuterSealed, aad: bytes) -> bytes:
        """Decrypt to the inner ciphertext, which KMS authenticates itself."""
        reference, client = self._reach(key)
        request = DecryptRequest(
            _request_metadata(call, key.arn), outer.ciphertext, outer.iv, outer.tag, "AES_GCM", outer.metadata, aad
        )
        try:
            return (await client.decrypt(reference.xks_key_id, request, NO_DEADLINE)).plaintext
        except XksClientError as error:
            raise _failed(call, reference, error) from error

    def _reach(self, key: KmsKey) -> tuple[ExternalKeyReference, XksProxyClient]:
        reference = key.external_key
        client = None if reference is None else self._clients.client(reference.store_id)
        if reference is None or client is None:
            raise for_crypto(ExternalFailure.STORE_NOT_CONNECTED)
        if self._quotas is not None:
            self._quotas.admit_to_store(reference.store_id)
        return reference, client


def _request_metadata(call: Call, key_arn: str) -> RequestMetadata:
    return RequestMetadata(
        call.operation,
        call.request_id,
        call.principal_arn,
        key_arn,
        call.source_vpc,
        call.source_vpce,
        call.via_service,
    )


def _failed(call: Call, reference: ExternalKeyReference, error: XksClientError) -> AwsError:
    # The proxy's own words go no further than this log; for debugging only, because an outage would flood it.
    _log.debug("request %s: external key %s in %s failed: %s", call.request_id, *reversed(reference), error)
    return for_crypto(failure_of(error))


def _verify(answer: EncryptResponse, request: EncryptRequest) -> None:
    """Raise XksMalformed unless the answer is as long as it must be and is what its integrity value says."""
    ciphertext = answer.ciphertext
    if len(ciphertext) != len(request.plaintext):
        raise XksMalformed(f"ciphertext has {len(ciphertext)} bytes instead of {len(request.plaintext)}")
    expected = integrity_value(
        request.additional_authenticated_data,
        answer.ciphertext_metadata,
        answer.initialization_vector,
        ciphertext,
        answer.authentication_tag,
    )
    if not hmac.compare_digest(answer.ciphertext_data_integrity_value, expected):
        raise XksMalformed("ciphertextDataIntegrityValue is not that of the answer")


def _require_suitable(key: GetKeyMetadataResponse) -> None:
    if key.key_spec != "AES_256":
        raise _unsuitable(
            f"The key spec of the external key must be AES_256. The key spec of specified external key is "
            f"{key.key_spec}."
        )
    if key.key_status is not KeyStatus.ENABLED:
        raise _unsuitable(
            f"The status of the external key must be ENABLED. The status of specified external key is "
            f"{key.key_status.value}."
        )
    if not {"ENCRYPT", "DECRYPT"}.issubset(key.key_usage):
        raise _unsuitable(
            f"The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external "
            f"key is {', '.join(key.key_usage) or 'none'}."
        )


def _unsuitable(message: str) -> AwsError:
    return AwsError("XksKeyInvalidConfigurationException", message)
