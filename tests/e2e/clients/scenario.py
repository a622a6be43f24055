"""What every client sees that goes through the same scenario, whatever the language of its SDK."""

from __future__ import annotations

from typing import Any


def refused(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "status": 400}


def expected(*, name: str, key_arn: str) -> dict[str, Any]:
    """Return the document of a client that made a key and an alias of that name; `key_arn` is the key that it made."""
    arn_of_alias = key_arn.partition(":key/")[0] + f":alias/nobodys-{name}"
    return {
        "described": {
            "same key": True,
            "origin": "EXTERNAL_KEY_STORE",
            "state": "Enabled",
            "external key": name,
            "same store": True,
        },
        "aliases": [f"alias/{name}"],
        "decrypted": "attack at dawn",
        "without its context": refused(
            "KMSInvalidStateException",
            "The external key store proxy rejected the request because the specified ciphertext or encryption context "
            "is corrupted, missing, or otherwise invalid.",
        ),
        "data key": {"bytes": 32, "same": True},
        "data key without plaintext": 57,
        "re-encrypted": {"plaintext": "attack at dawn", "from": True, "back": True},
        "grant": {
            "listed": True,
            "operations": ["Decrypt", "GenerateDataKey"],
            "constraint": {"customer": "nile"},
            "has a token": True,
            "left": 0,
        },
        "disabled": refused("DisabledException", f"{key_arn} is disabled."),
        "disconnected": refused(
            "KMSInvalidStateException",
            "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the "
            "external key store and try the request again.",
        ),
        "state while disconnected": "Unavailable",
        "nobody's alias": refused("NotFoundException", f"Alias {arn_of_alias} is not found."),
        "external key in use": refused(
            "XksKeyAlreadyInUseException",
            f"The external key {name} is already associated with the KMS key {key_arn} in this external key store.",
        ),
        "no such external key": refused(
            "XksKeyNotFoundException",
            "The external key associated with this KMS key in an external key store was not found in its external key "
            "manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the "
            "correct external key ID.",
        ),
        "unreachable proxy": refused(
            "XksProxyUriUnreachableException",
            "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If "
            "you see this error repeatedly, verify that your external key store proxy is active and is connected to "
            "the network, and that its endpoint URI is correct in your external keystore.",
        ),
        "plaintext too long": refused(
            "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length "
            "less than or equal to 4096",
        ),
        "deletion": {"state": "PendingDeletion", "days": 7},
    }
