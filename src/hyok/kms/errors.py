"""The errors KMS answers with, in AWS's words. Texts marked [R] were recorded from AWS; a client may match any of them.

Failures of an external key store and its proxy stand in `external_failures.py`.
"""

from __future__ import annotations

from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms.values import KmsKey

ACCESS_DENIED: Final = "AccessDeniedException"

_OF_CIPHERTEXT: Final = "the resource associated with this ciphertext"
_OUT_OF_REACH: Final = (
    "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based "
    "policy explicitly denies access"
)


def validation(message: str) -> AwsError:
    """Refuse input that the service model cannot describe as wrong."""
    return AwsError("ValidationException", message)


def out_of_range(member: str, value: int, *, least: int, most: int) -> AwsError:
    """Refuse a number that the service model allows and the service does not, in the model's words.

    `member` in lower camel case.
    """
    bound = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
    return validation(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )


def unsupported(message: str) -> AwsError:
    """Refuse what a KMS key, a key store or hyok cannot do."""
    return AwsError("UnsupportedOperationException", message)


def wrong_origin(key: KmsKey) -> AwsError:
    """[R] A key of this origin cannot do this, whatever its state."""
    return unsupported(f"{key.arn} origin is {key.origin.value} which is not valid for this operation.")


def wrong_usage(key: KmsKey, operation: str) -> AwsError:
    """[R] A key for encryption does not do this."""
    return AwsError(
        "InvalidKeyUsageException", f"{key.arn} key usage is ENCRYPT_DECRYPT which is not valid for {operation}."
    )


def wrong_spec(key: KmsKey, operation: str) -> AwsError:
    """There is no public key of a symmetric one; worded after what AWS says of usages and origins."""
    return unsupported(f"{key.arn} key spec is SYMMETRIC_DEFAULT which is not valid for {operation}.")


def not_multi_region(key: KmsKey) -> AwsError:
    """[R] The key has no replicas and takes none."""
    return unsupported(f"{key.arn} is not a multi-region primary key.")


def not_there_yet(operation: str) -> AwsError:
    """Answer for an operation of AWS KMS that hyok does not have."""
    return unsupported(f"hyok does not have the operation {operation} yet.")


def access_denied(message: str) -> AwsError:
    """Refuse for want of permission."""
    return AwsError(ACCESS_DENIED, message)


def not_authorized(principal_arn: str, action: str, resource: str, reason: str) -> AwsError:
    """[R] Policies do not allow it; `reason` says which. `action` is without its prefix `kms:`."""
    return _not_authorized(principal_arn, action, f"resource: {resource}", reason)


def not_authorized_for_ciphertext(principal_arn: str, action: str, reason: str) -> AwsError:
    """[R] As `not_authorized`, for the key that a ciphertext led to without a key named beside it."""
    return _not_authorized(principal_arn, action, _OF_CIPHERTEXT, reason)


def out_of_reach(principal_arn: str, action: str, *, is_of_ciphertext: bool) -> AwsError:
    """[R] The key is another account's and not for the caller, or it is not there: AWS does not tell which."""
    resource = _OF_CIPHERTEXT if is_of_ciphertext else "this resource"
    return _not_authorized(principal_arn, action, resource, _OUT_OF_REACH)


def _not_authorized(principal_arn: str, action: str, resource: str, reason: str) -> AwsError:
    return access_denied(f"User: {principal_arn} is not authorized to perform: kms:{action} on {resource} {reason}")


def limit_exceeded(message: str) -> AwsError:
    """Refuse what goes over a quota."""
    return AwsError("LimitExceededException", message)


def invalid_state(message: str) -> AwsError:
    """Refuse what the state of a key or its key store does not allow."""
    return AwsError("KMSInvalidStateException", message)


def key_not_found(key_arn: str) -> AwsError:
    """[R] There is no such key in this account and Region."""
    return AwsError("NotFoundException", f"Key '{key_arn}' does not exist")


def invalid_key_id(text: str) -> AwsError:
    """[R] The text is none of the forms a key may be named by here."""
    return AwsError("NotFoundException", f"Invalid keyId '{text}'")


def invalid_arn(region: str) -> AwsError:
    """[R] The ARN belongs to another Region: AWS names that Region, and nothing else."""
    return AwsError("NotFoundException", f"Invalid arn {region}")


def alias_not_found(alias_arn: str) -> AwsError:
    """There is no such alias in this account and Region."""
    return AwsError("NotFoundException", f"Alias {alias_arn} is not found.")


def key_disabled(key_arn: str) -> AwsError:
    """[R] The key may not be used until it is enabled."""
    return AwsError("DisabledException", f"{key_arn} is disabled.")


def key_pending_deletion(key_arn: str) -> AwsError:
    """[R] The key waits for its deletion and does nothing else."""
    return invalid_state(f"{key_arn} is pending deletion.")


def key_not_pending_deletion(key_arn: str) -> AwsError:
    """[R] There is no deletion to cancel."""
    return invalid_state(f"{key_arn} is not pending deletion.")


def invalid_ciphertext() -> AwsError:
    """[R] The ciphertext or its encryption context is not what KMS once gave; AWS sends no message."""
    return AwsError("InvalidCiphertextException", None)


def incorrect_key() -> AwsError:
    """[R] The caller named another key than the one the ciphertext is under."""
    return AwsError(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )


def dry_run() -> AwsError:
    """[R] Everything but the work itself was done."""
    return AwsError("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
