"""Who called, as CloudTrail's `userIdentity` says it. Source: CloudTrail User Guide, "userIdentity element"."""

from __future__ import annotations

import hashlib

from hyok.kms.call import Call
from hyok.policy.callers import principal_arn_of


def user_identity(call: Call, *, user_id: str, access_key_id: str, at: str) -> dict[str, object]:
    """Return the element. `at` is the time of the call as events have it: sessions are not known to be older."""
    arn = call.principal_arn
    if not arn.startswith("arn:"):
        return {"type": "AWSService", "invokedBy": arn}
    identity: dict[str, object] = {"type": "", "principalId": user_id, "arn": arn, "accountId": call.account}
    if access_key_id:
        identity["accessKeyId"] = access_key_id
    kind, _, name = arn.split(":", 5)[5].partition("/")
    match kind:
        case "root":
            identity["type"] = "Root"
        case "user":
            identity["type"] = "IAMUser"
            identity["userName"] = name.rpartition("/")[2]
        case "assumed-role":
            role, _, session = name.rpartition("/")
            issuer = _unique_id("AROA", f"{call.account}/{role}")
            identity["type"] = "AssumedRole"
            identity["principalId"] = f"{issuer}:{session}"
            identity["sessionContext"] = {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": issuer,
                    "arn": principal_arn_of(arn),
                    "accountId": call.account,
                    "userName": role,
                },
                "attributes": {"creationDate": at, "mfaAuthenticated": "false"},
            }
        case "federated-user":
            identity["type"] = "FederatedUser"
            identity["principalId"] = f"{call.account}:{name}"
        case _:
            identity["type"] = "Unknown"
    if call.via_service:
        identity["invokedBy"] = invoking_service(call.via_service)
    return identity


def invoking_service(via_service: str) -> str:
    """Return the service principal of a `kms:ViaService` value: `s3.amazonaws.com` of `s3.eu-central-1.amazonaws.com`.

    Another text is returned as it is.
    """
    parts = via_service.split(".")
    return ".".join((parts[0], *parts[-2:])) if via_service.endswith(".amazonaws.com") else via_service


def _unique_id(prefix: str, name: str) -> str:
    """Return an id in IAM's form, always the same for a name: nothing here keeps ids of roles."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:17].upper()
