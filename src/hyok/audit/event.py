"""The one record that a request leaves. Audit log and metrics are both written from it, so they cannot disagree.

It never holds plaintext, ciphertext, a secret or a signature. Strings come from outside: JSON escapes their control
characters, so that one record is always one line.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from hyok.xks.messages import RequestMetadata


class RequestRecord(msgspec.Struct, omit_defaults=True, gc=False, tag_field="event", tag="xks_request"):
    """What is known of one request to the proxy, filled in while it is answered; what is empty is left out."""

    time: datetime
    """When the proxy began to answer, UTC."""
    peer: str
    """IP address and port of the caller."""
    certificate_subject: str = ""
    """Common name of the caller's client certificate."""
    target: str = ""
    """The request target as received, shortened; only where it leads to no key store."""
    key_store: str = ""
    credential_id: str = ""
    """The access key id that the caller claims. It is proven unless `error` is AuthenticationFailedException."""
    operation: str = ""
    """The XKS proxy API's operation, for example `Encrypt`."""
    external_key_id: str = ""
    request_metadata: RequestMetadata | None = None
    """What KMS says of its own caller, in its own words; `kmsRequestId` is CloudTrail's `requestID`."""
    extra_metadata: dict[str, object] | None = None
    """Members of it that the specification does not name; only where a policy looks at such."""
    decision: str = ""
    """What secondary authorization decided; empty where none applies."""
    policy: str = ""
    """The policy that decided."""
    statement: str = ""
    """The statement of it."""
    shadow_decision: str = ""
    """What it would have decided with the policies in shadow mode in force; likewise the next two."""
    shadow_policy: str = ""
    shadow_statement: str = ""
    flags: tuple[str, ...] = ()
    """What is remarkable about the request, by the rules that watch for it."""
    key_manager: str = ""
    key_manager_instance: str = ""
    """Which of the key manager's instances answered, where it has several."""
    key_version: int = 0
    """The version of the external key that encrypts or decrypts."""
    predecessor: str = ""
    """Which proxy before this one made the ciphertext, in the word of `hyok keystore --predecessor`; empty for ours."""
    plaintext_bytes: int = 0
    aad_bytes: int = 0
    status: int = 0
    """The HTTP status of the answer; 0 if the caller did not wait for one."""
    error: str = ""
    """The error's name in the XKS proxy API; empty on success."""
    authentication_failure: str = ""
    """Why nothing proves who sent it: one word of a closed set, the `reason` of the metric."""
    detail: str = ""
    """Why it failed, for the operator; the caller is not always told."""
    receive_us: int = 0
    """Microseconds until the request was there whole; with the next three, the stages of `hyok_proxy_stage_seconds`.

    Only of a request that took 5 ms or more: of all others they would be a tenth of the record.
    """
    authenticate_us: int = 0
    decode_us: int = 0
    perform_us: int = 0
    duration_us: int = 0
    """Microseconds from the request's first byte to the finished answer."""


encode_record: Final = msgspec.json.Encoder().encode
"""Encode a record as one line of JSON, without the line feed."""
