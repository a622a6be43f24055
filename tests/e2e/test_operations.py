"""All operations of the service model, by an unmodified boto3 on both kinds of key: done, or refused as AWS does.

Each key meets each operation once, in an order in which none spoils the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Protected
from tests.e2e.processes import HOST

USER = "arn:aws:iam::123456789012:user/app"
ORIGIN = "UnsupportedOperationException: {arn} origin is {origin} which is not valid for this operation."
XKS_ORIGIN = "UnsupportedOperationException: {arn} origin is EXTERNAL_KEY_STORE which is not valid for this operation."
USAGE = "InvalidKeyUsageException: {arn} key usage is ENCRYPT_DECRYPT which is not valid for {operation}."
NO_REPLICA = "UnsupportedOperationException: {arn} is not a multi-region primary key."
NO_PUBLIC_KEY = (
    "UnsupportedOperationException: {arn} key spec is SYMMETRIC_DEFAULT which is not valid for GetPublicKey."
)
DONE = ""


class Scene(NamedTuple):
    """What one run of the operations is about."""

    protected: Protected
    arn: str
    blob: bytes
    grant_id: str
    policy: str
    alias: str


class Row(NamedTuple):
    """One operation, and how it ends on an ordinary key and on one in an external key store."""

    operation: str
    parameters: Callable[[Scene], dict[str, Any]]
    ordinary: str = DONE
    external: str = DONE


def key(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {"KeyId": scene.arn, **more}


ROWS = [
    Row("CreateKey", lambda _: {"Description": "made by the table"}),
    Row("DescribeKey", key()),
    Row("ListKeys", lambda _: {}),
    Row("GetKeyLastUsage", key()),
    Row("CreateAlias", lambda scene: {"AliasName": scene.alias, "TargetKeyId": scene.arn}),
    Row("UpdateAlias", lambda scene: {"AliasName": scene.alias, "TargetKeyId": scene.arn}),
    Row("ListAliases", key()),
    Row("Encrypt", lambda scene: {"KeyId": scene.alias, "Plaintext": b"x"}),
    Row("DeleteAlias", lambda scene: {"AliasName": scene.alias}),
    Row("Decrypt", lambda scene: {"CiphertextBlob": scene.blob}),
    Row("ReEncrypt", lambda scene: {"CiphertextBlob": scene.blob, "DestinationKeyId": scene.arn}),
    Row("GenerateDataKey", key(KeySpec="AES_256")),
    Row("GenerateDataKeyWithoutPlaintext", key(NumberOfBytes=16)),
    Row("GenerateDataKeyPair", key(KeyPairSpec="ECC_NIST_P256"), external=XKS_ORIGIN),
    Row("GenerateDataKeyPairWithoutPlaintext", key(KeyPairSpec="ECC_NIST_P384"), external=XKS_ORIGIN),
    Row("GenerateRandom", lambda _: {"NumberOfBytes": 8}),
    Row("TagResource", key(Tags=[{"TagKey": "a", "TagValue": "1"}])),
    Row("ListResourceTags", key()),
    Row("UntagResource", key(TagKeys=["a"])),
    Row("PutKeyPolicy", lambda scene: {"KeyId": scene.arn, "Policy": scene.policy}),
    Row("GetKeyPolicy", key()),
    Row("ListKeyPolicies", key()),
    Row("UpdateKeyDescription", key(Description="of the table")),
    Row("CreateGrant", key(GranteePrincipal=USER, Operations=["Decrypt"])),
    Row("ListGrants", key()),
    Row("ListRetirableGrants", lambda _: {"RetiringPrincipal": USER}),
    Row("RetireGrant", lambda scene: {"KeyId": scene.arn, "GrantId": scene.grant_id}),
    Row(
        "RevokeGrant",
        lambda scene: {"KeyId": scene.arn, "GrantId": scene.grant_id},
        ordinary="NotFoundException: Grant ID {grant_id} not found for {arn}",
        external="NotFoundException: Grant ID {grant_id} not found for {arn}",
    ),
    Row("EnableKeyRotation", key(RotationPeriodInDays=90), external=XKS_ORIGIN),
    Row("GetKeyRotationStatus", key(), external=XKS_ORIGIN),
    Row("DisableKeyRotation", key(), external=XKS_ORIGIN),
    Row("RotateKeyOnDemand", key(), external=XKS_ORIGIN),
    Row("ListKeyRotations", key(), external=XKS_ORIGIN),
    Row(
        "GetParametersForImport",
        key(WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"),
        ORIGIN,
        ORIGIN,
    ),
    Row("ImportKeyMaterial", key(ImportToken=b"x", EncryptedKeyMaterial=b"x"), ORIGIN, ORIGIN),
    Row("DeleteImportedKeyMaterial", key(), ORIGIN, ORIGIN),
    Row("Sign", key(Message=b"x", SigningAlgorithm="ECDSA_SHA_256"), USAGE, USAGE),
    Row("Verify", key(Message=b"x", Signature=b"x", SigningAlgorithm="ECDSA_SHA_256"), USAGE, USAGE),
    Row("GenerateMac", key(Message=b"x", MacAlgorithm="HMAC_SHA_256"), USAGE, USAGE),
    Row("VerifyMac", key(Message=b"x", Mac=b"x", MacAlgorithm="HMAC_SHA_256"), USAGE, USAGE),
    Row("DeriveSharedSecret", key(KeyAgreementAlgorithm="ECDH", PublicKey=b"x"), USAGE, USAGE),
    Row("Encapsulate", key(EncapsulationAlgorithm="ML_KEM"), USAGE, USAGE),
    Row("Decapsulate", key(EncapsulationAlgorithm="ML_KEM", SharedSecretCiphertextBlob=b"x"), USAGE, USAGE),
    Row("GetPublicKey", key(), NO_PUBLIC_KEY, NO_PUBLIC_KEY),
    Row("ReplicateKey", key(ReplicaRegion="eu-west-1"), NO_REPLICA, NO_REPLICA),
    Row("UpdatePrimaryRegion", key(PrimaryRegion="eu-west-1"), NO_REPLICA, NO_REPLICA),
    Row("DisableKey", key()),
    Row("EnableKey", key()),
    Row("ScheduleKeyDeletion", key(PendingWindowInDays=7)),
    Row("CancelKeyDeletion", key()),
]
STORE_ROWS = [
    "CreateCustomKeyStore",
    "DescribeCustomKeyStores",
    "ConnectCustomKeyStore",
    "DisconnectCustomKeyStore",
    "UpdateCustomKeyStore",
    "DeleteCustomKeyStore",
]


def operation(client: Any, name: str) -> Callable[..., Any]:
    """The client's method for an operation of the model."""
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    return getattr(client, methods[name])  # type: ignore[no-any-return]  # boto3 makes its methods as it runs


def outcome(client: Any, name: str, parameters: dict[str, Any]) -> str:
    try:
        operation(client, name)(**parameters)
    except ClientError as error:
        refused: Any = error.response
        assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
        return f"{refused['Error']['Code']}: {refused['Error'].get('Message', '')}"
    return DONE


def make_scene(protected: Protected, arn: str) -> Scene:
    kms = protected.kms
    grant = kms.create_grant(KeyId=arn, GranteePrincipal=USER, Operations=["Encrypt"], RetiringPrincipal=USER)
    return Scene(
        protected,
        arn,
        kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"],
        grant["GrantId"],
        kms.get_key_policy(KeyId=arn)["Policy"],
        f"alias/{arn.rsplit('/', 1)[1]}",
    )


def create_external_key(protected: Protected) -> str:
    """A KMS key on an external key of its own, which the proxy knows of within a second."""
    protected.deployment.hyok("key", "create", "table", "--keystore", "main")
    request = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": protected.store_id, "XksKeyId": "table"}
    for _ in range(40):
        try:
            arn: str = protected.kms.create_key(**request)["KeyMetadata"]["Arn"]
        except protected.kms.exceptions.XksKeyNotFoundException:
            time.sleep(0.05)
        else:
            return arn
    raise AssertionError("the proxy does not get to know its new key")


@pytest.mark.parametrize("origin", ["AWS_KMS", "EXTERNAL_KEY_STORE"])
def test_every_operation_on_a_key_is_done_or_refused_as_aws_does(protected: Protected, origin: str) -> None:
    kms = protected.kms
    is_external = origin == "EXTERNAL_KEY_STORE"
    arn = create_external_key(protected) if is_external else kms.create_key()["KeyMetadata"]["Arn"]
    scene = make_scene(protected, arn)
    names = {"arn": scene.arn, "origin": origin, "grant_id": scene.grant_id}
    found = {row.operation: outcome(kms, row.operation, row.parameters(scene)) for row in ROWS}
    assert found == {
        row.operation: (row.external if is_external else row.ordinary).format(operation=row.operation, **names)
        for row in ROWS
    }


def test_every_operation_on_a_store_is_done(protected: Protected) -> None:
    kms = protected.kms
    wanted = protected.deployment.store_parameters("table", host=HOST)
    wanted["XksProxyUriPath"] = "/another" + wanted["XksProxyUriPath"]
    refused = outcome(kms, "CreateCustomKeyStore", wanted)
    assert refused.startswith("XksProxyInvalidConfigurationException: ")
    store = {"CustomKeyStoreId": protected.store_id}
    assert outcome(kms, "DescribeCustomKeyStores", store) == DONE
    assert outcome(kms, "ConnectCustomKeyStore", store) == DONE, "a connected store stays so"
    for name in ("renamed", "main"):
        assert outcome(kms, "UpdateCustomKeyStore", {**store, "NewCustomKeyStoreName": name}) == DONE
    assert outcome(kms, "DeleteCustomKeyStore", store).startswith("CustomKeyStoreHasCMKsException: ")
    unknown = {"CustomKeyStoreId": "cks-00000000000000000"}
    assert outcome(kms, "DisconnectCustomKeyStore", unknown).startswith("CustomKeyStoreNotFoundException: ")


def test_the_tables_have_all_operations_of_the_model(protected: Protected) -> None:
    operations = sorted([*(row.operation for row in ROWS), *STORE_ROWS])
    assert operations == sorted(protected.kms.meta.service_model.operation_names)
    assert len(operations) == 56
