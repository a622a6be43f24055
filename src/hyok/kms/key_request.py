"""What a CreateKey request asks for, once it is known to make sense by itself."""

from __future__ import annotations

from typing import Final, NamedTuple

from hyok.kms import errors
from hyok.kms.free_text import read_free_text
from hyok.kms.key_policy import read_policy
from hyok.kms.operation import Input
from hyok.kms.tags import read_tags
from hyok.kms.values import ExternalKeyReference, Origin, Tag

_SYMMETRIC: Final = "SYMMETRIC_DEFAULT"


class KeyRequest(NamedTuple):
    """A KMS key to be made."""

    origin: Origin
    external_key: ExternalKeyReference | None
    description: str
    policy: str | None
    """None for the default one."""
    tags: tuple[Tag, ...]


def read_key_request(request: Input) -> KeyRequest:
    """Return what a CreateKey request asks for; refuse contradictions and what no key of ours can be."""
    external_key = _read_external_key(request)
    _refuse_other_kinds(request)
    policy: str | None = request.get("Policy")
    return KeyRequest(
        origin=Origin.AWS_KMS if external_key is None else Origin.EXTERNAL_KEY_STORE,
        external_key=external_key,
        description=read_free_text("Description", request.get("Description", "")),
        policy=None if policy is None else read_policy(policy),
        tags=read_tags(request.get("Tags", [])),
    )


def _read_external_key(request: Input) -> ExternalKeyReference | None:
    """Return the external key to tie to. Its three members belong together, and no other origin takes them."""
    origin: str = request.get("Origin", Origin.AWS_KMS.value)
    store_id: str | None = request.get("CustomKeyStoreId")
    xks_key_id: str | None = request.get("XksKeyId")
    if origin == Origin.EXTERNAL_KEY_STORE.value:
        if store_id is None or xks_key_id is None:
            raise errors.validation(
                "A KMS key with Origin EXTERNAL_KEY_STORE requires both CustomKeyStoreId and XksKeyId."
            )
        return ExternalKeyReference(store_id, xks_key_id)
    if origin != Origin.AWS_KMS.value:
        raise errors.unsupported(f"hyok does not have KMS keys with Origin {origin} yet.")
    if store_id is not None or xks_key_id is not None:
        raise errors.validation(
            f"CustomKeyStoreId and XksKeyId are not valid for a KMS key with Origin {origin}. "
            "Specify Origin EXTERNAL_KEY_STORE to create a KMS key in an external key store."
        )
    return None


def _refuse_other_kinds(request: Input) -> None:
    key_spec: str | None = request.get("KeySpec")
    older_key_spec: str | None = request.get("CustomerMasterKeySpec")
    if key_spec is not None and older_key_spec is not None:
        raise errors.validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    spec = key_spec or older_key_spec or _SYMMETRIC
    usage: str | None = request.get("KeyUsage")
    if spec != _SYMMETRIC and usage is None:
        raise errors.validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
        )
    if spec != _SYMMETRIC:
        raise errors.unsupported(f"hyok does not have KMS keys with KeySpec {spec} yet.")
    if usage not in (None, "ENCRYPT_DECRYPT"):
        raise errors.validation(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if request.get("MultiRegion"):
        raise errors.unsupported("hyok does not have multi-Region KMS keys yet.")
