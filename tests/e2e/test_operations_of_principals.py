"""`hyok kms serve` by default: callers are principals that `hyok principal` made, and sign with their secrets."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from benchmarks.machine import free_port
from tests.e2e.processes import HYOK, REGION, served
from tests.e2e.test_boto3 import refusal

ACCOUNT = "123456789012"


class Service(NamedTuple):
    """A running KMS, and its first principal's credential."""

    directory: Path
    port: int
    root: dict[str, str]

    def client(self, credential: dict[str, str], service: str = "kms") -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id=credential["access_key_id"],
            aws_secret_access_key=credential["secret_access_key"],
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def hyok(self, *arguments: str) -> Any:
        command: list[str | Path] = [HYOK, "--config", self.directory / "hyok.toml", *arguments]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if "json" in arguments else finished.stdout

    def create_principal(self, *arguments: str) -> dict[str, str]:
        """Create a principal, and wait until the running service knows it."""
        made: dict[str, str] = self.hyok("principal", "create", *arguments, "--output", "json")["principal"]
        assert eventually(lambda: self.is_known(made))
        return made

    def is_known(self, credential: dict[str, str]) -> bool:
        try:
            self.client(credential, "sts").get_caller_identity()
        except ClientError:
            return False
        return True


def eventually(holds: Any) -> bool:
    """Whether something holds within a second."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("principals")
    command: list[str | Path] = [
        HYOK,
        "init",
        directory / "holder",
        "--with-kms",
        directory / "kms",
        "--output",
        "json",
    ]
    start = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    port = free_port()
    file = directory / "kms" / "hyok.toml"
    file.write_text(file.read_text().replace("127.0.0.1:4580", f"127.0.0.1:{port}"))
    with served("kms", directory / "kms", port):
        yield Service(directory / "kms", port, start["kms_principal"])


def test_the_first_principal_is_the_account_s_root_user(service: Service) -> None:
    identity = service.client(service.root, "sts").get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert service.client(service.root).create_key()["KeyMetadata"]["AWSAccountId"] == ACCOUNT


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        ({"access_key_id": ACCOUNT, "secret_access_key": "any"}, "UnrecognizedClientException"),
        ({"access_key_id": "test", "secret_access_key": "test"}, "UnrecognizedClientException"),
        ({"secret_access_key": "wrong"}, "InvalidSignatureException"),
    ],
    ids=["an account", "an emulator's", "a wrong secret"],
)
def test_credentials_of_nobody_are_refused(service: Service, credential: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as raised:
        service.client(service.root | credential).list_keys()
    assert refusal(raised.value)[0] == code


def test_a_principal_may_what_policies_say_until_it_is_deleted(service: Service, tmp_path: Path) -> None:
    root = service.client(service.root)
    arn = root.create_key()["KeyMetadata"]["Arn"]
    policy = tmp_path / "encrypt-only.json"
    statement = {"Effect": "Allow", "Action": "kms:Encrypt", "Resource": arn}
    policy.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    alice = service.create_principal("alice", "--policy", str(policy))
    kms = service.client(alice)
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    with pytest.raises(ClientError) as raised:
        kms.decrypt(CiphertextBlob=blob)
    assert refusal(raised.value) == (
        "AccessDeniedException",
        f"User: {alice['arn']} is not authorized to perform: kms:Decrypt on the resource associated with this "
        "ciphertext because no identity-based policy allows the kms:Decrypt action",
        400,
    )
    token = root.create_grant(KeyId=arn, GranteePrincipal=alice["arn"], Operations=["Decrypt"])["GrantToken"]
    assert kms.decrypt(CiphertextBlob=blob, GrantTokens=[token])["Plaintext"] == b"x"
    root.retire_grant(GrantToken=token)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        kms.decrypt(CiphertextBlob=blob)
    service.hyok("principal", "delete", "alice", "--yes")
    assert eventually(lambda: not service.is_known(alice))


def test_two_accounts_share_a_key_by_both_their_policies(service: Service) -> None:
    root = service.client(service.root)
    key = root.create_key()["KeyMetadata"]
    stranger = service.create_principal("arn:aws:iam::999999999999:user/partner", "--full-access")
    kms = service.client(stranger)
    assert kms.list_keys()["Keys"] == []
    with pytest.raises(
        ClientError, match="kms:Encrypt on this resource because the resource does not exist in this Region"
    ):
        kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    policy = json.loads(root.get_key_policy(KeyId=key["KeyId"])["Policy"])
    policy["Statement"].append(
        {
            "Sid": "partner",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
            "Resource": "*",
        }
    )
    root.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
    blob = kms.encrypt(KeyId=key["Arn"], Plaintext=b"shared")["CiphertextBlob"]
    assert root.decrypt(CiphertextBlob=blob)["Plaintext"] == b"shared"
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["AWSAccountId"] == ACCOUNT
