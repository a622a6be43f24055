"""GetKeyMetadata: answers for a disabled key or one of another kind too; KMS itself refuses what it cannot use."""

from __future__ import annotations

from hyok.proxy.call import KeyCall
from hyok.xks.messages import GetKeyMetadataResponse, KeyStatus


async def get_key_metadata(call: KeyCall) -> GetKeyMetadataResponse:
    """Describe a key. KeyManagerError."""
    description = await call.manager.describe_key(call.key.manager_key_id, call.deadline)
    return GetKeyMetadataResponse(
        key_spec=description.key_spec,
        key_usage=tuple(sorted(usage.value for usage in description.usages)),
        key_status=KeyStatus.ENABLED if description.is_enabled else KeyStatus.DISABLED,
    )
