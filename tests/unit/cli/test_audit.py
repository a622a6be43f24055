"""`hyok audit`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hyok.assembly.audit import open_service_log
from hyok.assembly.holder import open_holder
from hyok.audit.administration import append_administrative
from hyok.audit.log import AuditLog
from hyok.config.configuration import load_configuration
from hyok.custody.audit_key import open_audit_signer
from hyok.xks.messages import RequestMetadata
from tests.unit.audit.logs import make_record
from tests.unit.cli.conftest import HOLDER, Hyok

ALICE = "arn:aws:iam::123456789012:user/Alice"
BOB = "arn:aws:sts::123456789012:assumed-role/app/bob"


@contextmanager
def writing(directory: Path) -> Iterator[AuditLog]:
    """Write a log as a worker does."""
    configuration = load_configuration(directory / "hyok.toml", {})
    with open_holder(configuration) as holder:
        log = open_service_log(configuration.audit, holder, service="proxy")
        yield log
        log.close()


def use(log: AuditLog, key_id: str, *, by: str = ALICE, request_id: str = "4112f4d6", error: str = "") -> None:
    record = make_record(key_id)
    record.operation, record.error, record.duration_us = "Encrypt", error, 151
    record.request_metadata = RequestMetadata("GenerateDataKey", request_id, aws_principal_arn=by)
    log.append(record, log.reserve(100))


@pytest.fixture
def trail(hyok: Hyok, tmp_path: Path) -> Path:
    """A trail with two requests and a change by an operator."""
    (tmp_path / "hyok.toml").write_text(HOLDER)
    with writing(tmp_path) as log:
        use(log, "a")
        use(log, "b", by=BOB, request_id="77777777", error="KeyNotFoundException")
    configuration = load_configuration(tmp_path / "hyok.toml", {})
    with open_holder(configuration) as holder:
        append_administrative(
            configuration.audit.directory,
            open_audit_signer(holder.storage, holder.safe, holder.clock),
            {"action": "key.disable", "subject": "a", "operator": "carol"},
        )
    return tmp_path / "audit"


def shown_keys(hyok: Hyok, *arguments: str) -> list[str]:
    document = json.loads(hyok("audit", "show", "--output", "json", *arguments).out)
    return [each["record"]["external_key_id"] for each in document["records"] if "external_key_id" in each["record"]]


def test_show_has_the_records_of_all_logs(hyok: Hyok, trail: Path) -> None:
    lines = [line.split() for line in hyok("audit", "show").out.splitlines()]

    assert lines[0] == ["TIME", "LOG", "NUMBER", "WHAT", "KEY", "WHO", "RESULT", "MS"]
    assert [line[1:] for line in lines if "Encrypt" in line] == [
        ["proxy-1", "2", "Encrypt", "a", ALICE, "success", "0.15"],
        ["proxy-1", "3", "Encrypt", "b", BOB, "KeyNotFoundException", "0.15"],
    ]
    assert [line[1:] for line in lines if "key.disable" in line] == [
        ["administration", "1", "key.disable", "a", "carol"]
    ]


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ((), ["a", "b"]),
        (("--principal", "*:user/*"), ["a"]),
        (("--key", "b"), ["b"]),
        (("--operation", "GenerateDataKey"), ["a", "b"]),
        (("--operation", "Decrypt"), []),
        (("--result", "success"), ["a"]),
        (("--result", "failure"), ["b"]),
        (("--result", "KeyNotFound*"), ["b"]),
        (("--request-id", "77777777"), ["b"]),
        (("--since", "2025-11-24T16:00:01Z"), []),
        (("--until", "2025-11-24T16:00:01"), ["a", "b"]),
        (("--since", "5m"), []),
        (("--log", "administration"), []),
        (("--last", "1", "--log", "proxy-1", "--operation", "Encrypt"), ["b"]),
    ],
)
def test_show_has_filters(hyok: Hyok, trail: Path, arguments: tuple[str, ...], keys: list[str]) -> None:
    assert shown_keys(hyok, *arguments) == keys


def test_a_time_that_is_none_is_said_to_be_none(hyok: Hyok, trail: Path) -> None:
    result = hyok("audit", "show", "--since", "yesterday")

    assert result.status == 2
    assert "'yesterday' is no time; write 2026-11-24T10:00Z, or 90s, 5m, 2h or 7d ago" in result.err


def test_verify_says_that_an_untouched_trail_is_intact(hyok: Hyok, trail: Path) -> None:
    result = hyok("audit", "verify")

    assert result.status == 0
    assert [line.split() for line in result.out.splitlines()] == [
        ["LOG", "RECORDS", "SEGMENTS", "SIGNED", "UP", "TO", "RESULT"],
        ["proxy-1", "4", "1", "4", "intact"],
        ["administration", "2", "1", "2", "intact"],
    ]
    assert "--against" in result.err


def test_verify_says_where_a_record_was_altered(hyok: Hyok, trail: Path) -> None:
    segment = trail / "proxy-1" / "000001.jsonl"
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"user/Alice", b"user/Mallo"))

    result = hyok("audit", "verify")

    assert result.status == 1
    byte = sum(map(len, content.splitlines(keepends=True)[:2]))
    assert f"ALTERED  proxy-1, 000001.jsonl, line 3, byte {byte}, record 2: this record was altered" in result.out
    document = json.loads(hyok("audit", "verify", "--output", "json").out)
    assert document["intact"] is False
    assert document["findings"][0] == {
        "kind": "altered",
        "log": "proxy-1",
        "segment": 1,
        "line": 3,
        "byte": byte,
        "record": 2,
        "text": "this record was altered",
    }


def test_an_auditor_needs_a_copy_a_key_and_a_checkpoint_and_no_configuration(
    hyok: Hyok, trail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audit.pub").write_text(hyok("audit", "key").out)
    (tmp_path / "kept").write_text(hyok("audit", "checkpoint").out)
    monkeypatch.chdir(trail)
    arguments = ("audit", "verify", "--directory", str(trail), "--key", str(tmp_path / "audit.pub"))

    assert hyok(*arguments, "--against", str(tmp_path / "kept")).status == 0
    (trail / "logs.note").rename(tmp_path / "logs.note")
    assert hyok(*arguments, "--against", str(tmp_path / "kept")).status != 0


def test_a_cut_end_is_found_by_the_checkpoint_that_was_kept(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in trail.rglob("*") if file.is_file()}
    with writing(tmp_path) as log:
        use(log, "c")
    hyok("audit", "checkpoint", "--to", "kept")
    for file, content in before.items():
        file.write_bytes(content)

    assert hyok("audit", "verify").status == 0
    result = hyok("audit", "verify", "--against", "kept")
    assert result.status == 1
    assert "CUT  proxy-1" in result.out


def test_a_kept_checkpoint_of_another_key_is_refused(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text(hyok("audit", "checkpoint").out.replace("\u2014 hyok.audit", "\u2014 hyok.audio"))

    assert hyok("audit", "verify", "--against", "kept").status == 2


def test_a_record_is_proved_to_somebody_without_the_trail(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    key = hyok("audit", "key").out.strip()
    assert hyok("audit", "prove", "record", "proxy-1", "2", "--to", "proof", "--record-to", "record").status == 0
    check = ("audit", "prove", "check", "proof", "--key", key)

    assert "number 2 of the 4" in hyok(*check, "--record", "record").err
    assert hyok(*check).status == 2
    altered = (tmp_path / "record").read_bytes().replace(b"Alice", b"Mallo")
    (tmp_path / "record").write_bytes(altered)
    result = hyok(*check, "--record", "record")
    assert (result.status, "not proved" in result.err) == (1, True)


def test_growth_since_a_kept_checkpoint_is_proved(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    hyok("audit", "checkpoint", "--to", "kept")
    with writing(tmp_path) as log:
        use(log, "c")

    assert hyok("audit", "prove", "growth", "kept").status == 2  # which log?
    assert hyok("audit", "prove", "growth", "kept", "--log", "proxy-1", "--to", "proof").status == 0
    result = hyok("audit", "prove", "check", "proof", "--old", "kept")
    assert (result.status, "begins with the 4" in result.err) == (0, True)


@pytest.mark.parametrize(("log", "number", "status"), [("proxy-9", "0", 2), ("proxy-1", "99", 1)])
def test_what_is_not_there_is_not_proved(hyok: Hyok, trail: Path, log: str, number: str, status: int) -> None:
    assert hyok("audit", "prove", "record", log, number).status == status


def test_export_writes_one_record_a_line(hyok: Hyok, trail: Path) -> None:
    records = [json.loads(line) for line in hyok("audit", "export", "--operation", "Encrypt").out.splitlines()]

    assert [(each["external_key_id"], each["log"], each["number"]) for each in records] == [
        ("a", "proxy-1", 2),
        ("b", "proxy-1", 3),
    ]


def test_export_writes_the_common_event_format(hyok: Hyok, trail: Path) -> None:
    (line,) = hyok("audit", "export", "--format", "cef", "--key", "b").out.splitlines()

    assert line.startswith("CEF:0|hyok|hyok|")
    assert "|xks_request|Encrypt|7|rt=1764000000500 externalId=77777777 act=GenerateDataKey outcome=failure" in line
    assert f"suser={BOB} src=192.0.2.7 spt=4711" in line


def test_what_is_redacted_leaves_no_export_and_stays_in_the_trail(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    (tmp_path / "pseudonym.key").write_text("x" * 40)
    (tmp_path / "hyok.toml").write_text(
        HOLDER + '[audit.redaction]\nremove = ["peer"]\n'
        'pseudonymize = ["request_metadata.awsPrincipalArn"]\npseudonym_key = "file:pseudonym.key"\n'
    )

    exported = hyok("audit", "export").out
    assert "192.0.2.7" not in exported
    assert ALICE not in exported
    assert "pseudonym:" in exported
    assert ALICE in hyok("audit", "export", "--unredacted").out
    assert hyok("audit", "verify").status == 0


def test_pseudonyms_need_a_key(hyok: Hyok, trail: Path, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(HOLDER + '[audit.redaction]\npseudonymize = ["peer"]\n')

    result = hyok("audit", "export")
    assert (result.status, "pseudonymize needs pseudonym_key" in result.err) == (2, True)


def test_a_directory_without_a_trail_is_said_to_have_none(hyok: Hyok, tmp_path: Path) -> None:
    hyok("keystore", "list")
    result = hyok("audit", "show", "--directory", str(tmp_path))

    assert (result.status, "is no audit trail" in result.err) == (2, True)


def test_the_key_is_there_after_the_first_start(hyok: Hyok) -> None:
    result = hyok("audit", "key")

    assert (result.status, "is made at the first start" in result.err) == (2, True)
