"""SigV4 for a key store: the credential must be the prefix's own, its Region allowed, its signature fresh and right."""

from __future__ import annotations

from typing import Final

from hyok.audit.event import RequestRecord
from hyok.proxy.keystores import KeyStore
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.errors import SignatureError
from hyok.sigv4.verification import verify
from hyok.transport.messages import HttpRequest
from hyok.xks.errors import XksError, XksErrorName

SERVICE: Final = b"kms-xks-proxy"
UNKNOWN_CREDENTIAL: Final = "unknown_credential"
REGION_NOT_ALLOWED: Final = "region_not_allowed"
"""Reasons besides those of `SignatureFailure`."""

_ACCESS_KEY_ID_CHARACTERS: Final = 30
"""The longest access key id there is."""


def authenticate(request: HttpRequest, key_store: KeyStore, record: RequestRecord, now: float) -> None:
    """Return if the request was signed by one of the key store's credentials; `now` is in Unix seconds.

    XksError AUTHENTICATION_FAILED if not. The caller learns no more than that; the record says why.
    """
    try:
        # 1. Who claims to have signed: a credential of this very key store.
        authorization = parse_authorization(request.authorization)
        credential = key_store.credentials.get(authorization.access_key_id)
        if credential is None:
            record.credential_id = _recordable(authorization.access_key_id)
            raise _refuse(record, UNKNOWN_CREDENTIAL, "the access key id is none of this key store's active ones")
        record.credential_id = credential.access_key_id
        # 2. For what: checked before a key is derived, so that nobody crowds the cache with scopes of their own.
        region = authorization.region
        if key_store.regions and region not in key_store.regions:
            raise _refuse(
                record, REGION_NOT_ALLOWED, "the credential scope names a Region that this key store does not allow"
            )
        # 3. The proof.
        signing_key = credential.signing_keys.for_scope(authorization.date, region, SERVICE)
        verify(request, authorization, signing_key, SERVICE, now)
    except SignatureError as error:
        raise _refuse(record, error.reason.name.lower(), str(error)) from error


def _recordable(access_key_id: bytes) -> str:
    # A secret has 43 characters or more: put in the id's place by mistake, it must not get into the record.
    return access_key_id.decode("ascii", "replace") if len(access_key_id) <= _ACCESS_KEY_ID_CHARACTERS else "(too long)"


def _refuse(record: RequestRecord, reason: str, detail: str) -> XksError:
    record.authentication_failure = reason
    record.detail = detail
    return XksError(XksErrorName.AUTHENTICATION_FAILED, "the request is not signed by a credential of this key store")
