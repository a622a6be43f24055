"""One run of `hyok dev`: what its KMS records and what its proxy records tell the same, until somebody alters one."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from hyok.testing.dev_server import dev_server
from tests.e2e.processes import HYOK

SESSION = "arn:aws:sts::123456789012:assumed-role/app/session-1"


class Compared:
    """Both sides of a run, kept after it."""

    def __init__(self, directory: Path) -> None:
        self.trail = directory / "data/holder/audit"
        self.events = directory / "events"
        self.request_ids: dict[str, str] = {}

    def find(self, *, trail: Path | None = None, events: Path | None = None) -> dict[str, Any]:
        """Run the command; returns its document."""
        places: list[str | Path] = ["--cloudtrail", events or self.events, "--directory", trail or self.trail]
        command: list[str | Path] = [HYOK, "audit", "reconcile", *places, "--delay", "0", "--output", "json"]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode in (0, 1), finished.stderr
        document: dict[str, Any] = json.loads(finished.stdout)
        assert document["clean"] is (finished.returncode == 0)
        return document


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    directory = tmp_path_factory.mktemp("reconciliation")
    compared = Compared(directory)
    with dev_server("--data", str(directory / "data"), "--events", str(compared.events)) as hyok:
        kms = boto3.client("kms", **hyok.client_settings)

        def remember(name: str, answer: dict[str, Any]) -> dict[str, Any]:
            compared.request_ids[name] = answer["ResponseMetadata"]["RequestId"]
            return answer

        blob = remember("Encrypt", kms.encrypt(KeyId=hyok.key_arn, Plaintext=b"4711"))["CiphertextBlob"]
        remember("GenerateDataKey", kms.generate_data_key(KeyId=hyok.key_alias, KeySpec="AES_256"))
        remember("Decrypt", kms.decrypt(CiphertextBlob=blob))
        remember("ReEncrypt", kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=hyok.key_arn))
        with pytest.raises(kms.exceptions.NotFoundException):
            kms.encrypt(KeyId="alias/nobody", Plaintext=b"4711")

        def be_a_session_via_s3(request: Any, **_: Any) -> None:
            request.headers["x-hyok-test-principal-arn"] = SESSION
            request.headers["x-hyok-test-via-service"] = "s3.eu-central-1.amazonaws.com"

        kms.meta.events.register("before-send.kms", be_a_session_via_s3)
        remember("session", kms.decrypt(CiphertextBlob=blob))
    return compared


def records_of(run: Compared) -> list[dict[str, Any]]:
    lines = (run.trail / "proxy-1/000001.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def events_of(directory: Path) -> list[dict[str, Any]]:
    files = directory.rglob("*.json.gz")
    return [event for path in files for event in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def test_both_sides_tell_the_same(run: Compared) -> None:
    document = run.find()
    assert document["findings"] == []
    assert document["matched"] == 6  # CreateKey and the five calls
    assert document["trail"]["uses"] == 7  # ReEncrypt asks twice


def test_the_caller_the_proxy_and_the_event_have_the_same_request_id(run: Compared) -> None:
    told = {
        record["request_metadata"]["kmsRequestId"]: record for record in records_of(run) if "request_metadata" in record
    }
    recorded = {event["requestID"]: event for event in events_of(run.events) if "requestID" in event}
    for name, request_id in run.request_ids.items():
        assert told[request_id]["request_metadata"]["kmsOperation"] == recorded[request_id]["eventName"]
        if name != "session":
            assert recorded[request_id]["eventName"] == name


def test_a_session_and_its_service_are_told_to_both_sides(run: Compared) -> None:
    request_id = run.request_ids["session"]
    (record,) = [each for each in records_of(run) if request_id in json.dumps(each)]
    (event,) = [each for each in events_of(run.events) if each.get("requestID") == request_id]
    assert record["request_metadata"]["awsPrincipalArn"] == event["userIdentity"]["arn"] == SESSION
    assert record["request_metadata"]["kmsViaService"] == "s3.eu-central-1.amazonaws.com"
    assert event["userIdentity"]["invokedBy"] == "s3.amazonaws.com"


def altered_events(
    run: Compared, directory: Path, alter: Callable[[dict[str, Any]], dict[str, Any] | None], request_id: str
) -> Path:
    """Copy the events, with one of them altered or, where that gives None, left out."""
    shutil.copytree(run.events, directory)
    for path in directory.rglob("*.json.gz"):
        records = json.loads(gzip.decompress(path.read_bytes()))["Records"]
        kept = [alter(each) if each.get("requestID") == request_id else each for each in records]
        content = {"Records": [each for each in kept if each is not None]}
        path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return directory


def test_a_use_whose_event_is_gone_is_found(run: Compared, tmp_path: Path) -> None:
    events = altered_events(run, tmp_path / "events", lambda _: None, run.request_ids["Decrypt"])
    (finding,) = run.find(events=events)["findings"]
    assert (finding["finding"], finding["request_id"]) == ("unknown_use", run.request_ids["Decrypt"])


def test_an_event_whose_record_is_gone_is_found(run: Compared, tmp_path: Path) -> None:
    trail = tmp_path / "trail"
    shutil.copytree(run.trail, trail)
    segment = trail / "proxy-1/000001.jsonl"
    lines = segment.read_text().splitlines(keepends=True)
    segment.write_text("".join(line for line in lines if run.request_ids["Encrypt"] not in line))
    (finding,) = run.find(trail=trail)["findings"]
    assert (finding["finding"], finding["request_id"]) == ("unseen_event", run.request_ids["Encrypt"])


def test_an_altered_principal_is_found(run: Compared, tmp_path: Path) -> None:
    def alter(event: dict[str, Any]) -> dict[str, Any]:
        event["userIdentity"]["arn"] = "arn:aws:iam::123456789012:user/somebody-else"
        return event

    events = altered_events(run, tmp_path / "events", alter, run.request_ids["session"])
    (finding,) = run.find(events=events)["findings"]
    assert (finding["finding"], finding["trail"]) == ("principal", SESSION)
