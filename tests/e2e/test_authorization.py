"""The same SDK call, allowed and denied by a policy at the proxy: what AWS shows, and the record that says why."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from hyok.audit.reader import read_records
from tests.e2e.processes import HYOK
from tests.e2e.test_dev import dev, make_client
from tests.integration.spec.wire import eventually
from tests.unit.proxy.authorization.written import document

ROLE = "arn:aws:iam::123456789012:role/backup-eu"
SESSION = "arn:aws:sts::123456789012:assumed-role/backup-eu/i-0abc"
EVE = "arn:aws:iam::123456789012:user/Eve"
DENIED = (
    "The external key store proxy denied access to the operation. Verify that the user and the external key are both "
    "authorized for this operation, and try the request again."
)
"""What AWS KMS says (KMS Developer Guide, "Troubleshooting external key stores")."""
POLICY = document(
    {"Sid": "Backups", "Principal": {"AWS": "arn:aws:iam::123456789012:role/backup-*"}},
    {
        "Sid": "OnlyFromOurVpc",
        "Effect": "Deny",
        "Action": "kms:Decrypt",
        "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}},
    },
)


class Site(NamedTuple):
    """`hyok dev`, and what its operator does beside it."""

    data: Path
    kms: Any
    asked_as: dict[str, str]
    """The headers by which dev is told who calls, and from where."""

    def hyok(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "HYOK_CONFIG": str(self.data / "holder/hyok.toml")}
        return subprocess.run([HYOK, *arguments], capture_output=True, text=True, env=environment)

    def call_as(self, principal: str, *, vpc: str = "vpc-0a1b2c3d") -> None:
        self.asked_as.update({"x-hyok-test-principal-arn": principal, "x-hyok-test-source-vpc": vpc})

    def decrypt(self, blob: bytes) -> str:
        """Return what came of it: `done`, or the error's code and message."""
        try:
            self.kms.decrypt(CiphertextBlob=blob)
        except ClientError as error:
            return "{Code}: {Message}".format(**error.response["Error"])
        return "done"

    def record(self, request_id: str) -> dict[str, Any]:
        """Return the audit record of a request by the id that KMS answered with."""
        records = (record.content() for record in read_records(self.data / "holder/audit"))
        return next(
            record
            for record in records
            if record and (record.get("request_metadata") or {}).get("kmsRequestId") == request_id
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("authorization") / "data"
    with dev("--data", str(data)) as (ready, _):
        kms = make_client(ready, ready["kms"]["endpoint"])
        asked_as: dict[str, str] = {}

        def tell(request: Any, **_: Any) -> None:
            for name, value in asked_as.items():
                request.headers[name] = value

        kms.meta.events.register("before-send.kms", tell)
        site = Site(data, kms, asked_as)
        (data / "policy.json").write_text(POLICY)
        yield site


def request_id_of(site: Site, blob: bytes) -> str:
    with pytest.raises(ClientError) as raised:
        site.kms.decrypt(CiphertextBlob=blob)
    return str(raised.value.response["ResponseMetadata"]["RequestId"])


def test_one_call_is_allowed_and_denied_as_the_policy_says(site: Site) -> None:
    site.call_as(EVE)
    blob = site.kms.encrypt(KeyId="alias/hyok-dev", Plaintext=b"a secret")["CiphertextBlob"]
    assert site.decrypt(blob) == "done", "no policy yet"

    # A policy that is tried first: nothing is refused, and the record says what would be.
    assert site.hyok("policy", "set", str(site.data / "policy.json"), "--keystore", "dev", "--shadow").returncode == 0
    eventually(lambda: "shadow_decision" in site.record(answered(site, blob)))
    assert site.record(answered(site, blob))["flags"] == ["shadow-denial"]

    # In force.
    assert site.hyok("policy", "set", str(site.data / "policy.json"), "--keystore", "dev", "--yes").returncode == 0
    eventually(lambda: site.decrypt(blob) != "done")
    assert site.decrypt(blob) == f"KMSInvalidStateException: {DENIED}"
    refused = site.record(request_id_of(site, blob))
    assert (refused["decision"], refused["error"]) == ("not allowed", "AccessDeniedException")

    # The same call by a session of the role: allowed from the VPC, and denied from elsewhere by the statement named.
    site.call_as(SESSION)
    assert site.decrypt(blob) == "done"
    allowed = site.record(answered(site, blob))
    assert (allowed["decision"], allowed["policy"], allowed["statement"]) == ("allowed", "keystore/default", "Backups")
    site.call_as(SESSION, vpc="vpc-ffffffff")
    assert site.decrypt(blob) == f"KMSInvalidStateException: {DENIED}"
    denied = site.record(request_id_of(site, blob))
    assert (denied["decision"], denied["policy"], denied["statement"]) == (
        "denied",
        "keystore/default",
        "OnlyFromOurVpc",
    )

    # And why: the record as it stands explains itself.
    (site.data / "record.json").write_text(json.dumps(denied))
    explained = site.hyok("policy", "explain", "--keystore", "dev", "--record", str(site.data / "record.json"))
    assert explained.stdout.startswith("denied by OnlyFromOurVpc of keystore/default"), explained.stderr
    assert "the request has vpc-ffffffff; wanted: vpc-0a1b2c3d" in explained.stdout


def answered(site: Site, blob: bytes) -> str:
    return str(site.kms.decrypt(CiphertextBlob=blob)["ResponseMetadata"]["RequestId"])
