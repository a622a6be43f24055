"""An unmodified botocore client against the service, its connection replaced by a call."""

from __future__ import annotations

import io
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError

from tests.unit.kms.running import OTHER_ACCOUNT, REGION, STORE_ID, XKS_KEY_ID, RunningKms, http_request


def client(kms: RunningKms, service: str = "kms", *, access_key_id: str = "AKIAIOSFODNN7EXAMPLE") -> Any:
    made = botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:4580",
        aws_access_key_id=access_key_id,
        aws_secret_access_key="any",
    )

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        headers = {
            name.lower(): value if isinstance(value, bytes) else value.encode()
            for name, value in request.headers.items()
        }
        body = request.body or b""
        response = kms.answer(
            http_request(
                body=body.encode() if isinstance(body, str) else body,
                authorization=headers.pop("authorization", b""),
                headers=[(name.encode(), value) for name, value in headers.items()],
            )
        )
        answered = {name.decode(): value.decode() for name, value in response.headers}
        return AWSResponse(request.url, response.status, answered, _Raw(response.body))

    made.meta.events.register(f"before-send.{service}", send)
    return made


class _Raw(io.BytesIO):
    def stream(self) -> list[bytes]:
        return [self.read()]


def test_the_protected_workflow(kms: RunningKms) -> None:
    aws = client(kms)
    key = aws.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=STORE_ID, XksKeyId=XKS_KEY_ID)["KeyMetadata"]
    aws.create_alias(AliasName="alias/app", TargetKeyId=key["KeyId"])
    made = aws.generate_data_key(KeyId="alias/app", KeySpec="AES_256", EncryptionContext={"object": "1"})
    opened = aws.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"object": "1"})
    assert opened["Plaintext"] == made["Plaintext"]
    assert opened["KeyId"] == key["Arn"]


def test_errors_arrive_as_the_client_s_own_exceptions(kms: RunningKms) -> None:
    aws = client(kms)
    with pytest.raises(aws.exceptions.InvalidCiphertextException):
        aws.decrypt(CiphertextBlob=b"nonsense")
    with pytest.raises(aws.exceptions.NotFoundException, match="Invalid keyId 'nonsense'"):
        aws.describe_key(KeyId="nonsense")
    with pytest.raises(ClientError, match="Grants must not contain only the CreateGrant operation"):
        aws.create_grant(
            KeyId=aws.create_key()["KeyMetadata"]["KeyId"],
            GranteePrincipal="arn:aws:iam::123456789012:root",
            Operations=["CreateGrant"],
        )


def test_lists_page_by_themselves(kms: RunningKms) -> None:
    aws = client(kms)
    made = {aws.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    pages = list(aws.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}))
    assert [len(page["Keys"]) for page in pages] == [1, 1, 1]
    assert {entry["KeyId"] for page in pages for entry in page["Keys"]} == made


def test_dates_are_dates(kms: RunningKms) -> None:
    aws = client(kms)
    key_id = aws.create_key()["KeyMetadata"]["KeyId"]
    scheduled = aws.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)["DeletionDate"]
    metadata = aws.describe_key(KeyId=key_id)["KeyMetadata"]
    assert metadata["DeletionDate"] == scheduled
    assert (scheduled - metadata["CreationDate"]).total_seconds() == pytest.approx(7 * 86_400, abs=60)


def test_sts_tells_who_calls(kms: RunningKms) -> None:
    answer = client(kms, "sts", access_key_id=OTHER_ACCOUNT).get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:root")
