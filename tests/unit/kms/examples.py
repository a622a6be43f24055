"""Values that tests begin from."""

from __future__ import annotations

from hyok.kms.key_names import key_arn
from hyok.kms.values import ExternalKeyReference, KeyState, KmsKey, Origin
from tests.unit.kms.running import ACCOUNT, REGION, STORE_ID, XKS_KEY_ID

POLICY = """{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}
]}"""
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"

ORDINARY_KEY = KmsKey(
    account=ACCOUNT,
    region=REGION,
    key_id=KEY_ID,
    arn=key_arn(ACCOUNT, REGION, KEY_ID),
    description="",
    origin=Origin.AWS_KMS,
    state=KeyState.ENABLED,
    created_at=1_700_000_000.125,
    deletion_date=None,
    backing_key=1,
    external_key=None,
    policy=POLICY,
    tags=(),
    rotation=None,
)

EXTERNAL_KEY_ID = "0987dcba-09fe-87dc-65ba-ab0987654321"

EXTERNAL_KEY = KmsKey(
    account=ACCOUNT,
    region=REGION,
    key_id=EXTERNAL_KEY_ID,
    arn=key_arn(ACCOUNT, REGION, EXTERNAL_KEY_ID),
    description="held elsewhere",
    origin=Origin.EXTERNAL_KEY_STORE,
    state=KeyState.ENABLED,
    created_at=1_700_000_001.5,
    deletion_date=None,
    backing_key=1,
    external_key=ExternalKeyReference(STORE_ID, XKS_KEY_ID),
    policy=POLICY,
    tags=(),
    rotation=None,
)
