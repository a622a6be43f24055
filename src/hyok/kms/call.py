"""Who calls which KMS operation, and from where: the context every operation gets besides its input."""

from __future__ import annotations

from typing import NamedTuple

from hyok.kms.identities import FULL_ACCESS, Identity
from hyok.kms.trace import CallTrace


class Call(NamedTuple):
    """One call of the KMS API, after its caller has been identified.

    All that the XKS proxy API calls `requestMetadata` comes from here; an empty text stands for an absent field.
    """

    request_id: str
    """A UUID: `x-amzn-RequestId` to the caller, `kmsRequestId` to the external key store proxy."""
    operation: str
    """The operation's name as in `X-Amz-Target`, for example `GenerateDataKey`."""
    account: str
    """The caller's AWS account: 12 digits."""
    region: str
    """The Region of the credential scope. Keys, aliases and key stores of another Region do not exist here."""
    principal_arn: str
    via_service: str
    source_vpc: str
    source_vpce: str
    source_arn: str = ""
    """The AWS resource on behalf of which an AWS service calls."""
    source_address: str = ""
    """The caller's IP address and port, as the transport has them."""
    identity: Identity = FULL_ACCESS
    """The principal's own rights."""
    trace: CallTrace | None = None
    """What its event will tell; None where no events are recorded."""
