from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from tests.unit.cli.conftest import Hyok

MATERIAL = bytes(32)
CHECK_VALUE = "dc95c0"
WRAPPING_KEY = bytes(range(32))


@pytest.fixture
def journey(tmp_path: Path) -> list[str]:
    """The options of an import of `payroll.kwp`."""
    (tmp_path / "journey.key").write_bytes(WRAPPING_KEY)
    (tmp_path / "payroll.kwp").write_bytes(aes_key_wrap_with_padding(WRAPPING_KEY, MATERIAL))
    return ["--wrapped", "payroll.kwp", "--wrapping-key", "file:journey.key"]


def test_a_wrapped_key_is_imported_when_its_check_value_fits(hyok: Hyok, journey: list[str]) -> None:
    result = hyok("key", "import", "payroll", *journey, "--check-value", CHECK_VALUE.upper(), "--output", "json")
    assert (result.status, result.err) == (0, "")
    key = json.loads(result.out)["key"]
    assert (key["key_id"], key["state"], key["active_version"]) == ("payroll", "enabled", 1)


def test_a_key_is_imported_for_one_usage(hyok: Hyok, journey: list[str]) -> None:
    result = hyok(
        "key", "import", "old", *journey, "--check-value", CHECK_VALUE, "--usage", "decrypt", "--output", "json"
    )
    assert json.loads(result.out)["key"]["usages"] == ["DECRYPT"]


def test_a_key_with_another_check_value_is_not_imported(hyok: Hyok, journey: list[str]) -> None:
    result = hyok("key", "import", "payroll", *journey, "--check-value", "000000")
    assert (result.status, result.out) == (1, "")
    assert "the key has check value dc95c0 and 000000 was expected" in result.err
    assert hyok("key", "show", "payroll").status == 1


@pytest.mark.parametrize("value", ["dc95c", "dc95c01", "dc95cg"])
def test_a_check_value_that_is_none_is_wrong_usage(hyok: Hyok, journey: list[str], value: str) -> None:
    assert hyok("key", "import", "payroll", *journey, "--check-value", value).status == 2


def test_a_key_of_another_size_is_not_imported(hyok: Hyok, journey: list[str], tmp_path: Path) -> None:
    (tmp_path / "payroll.kwp").write_bytes(aes_key_wrap_with_padding(WRAPPING_KEY, bytes(16)))
    result = hyok("key", "import", "payroll", *journey, "--check-value", CHECK_VALUE)
    assert result.status == 1
    assert "an AES-256 key has 32 bytes, and this one 16; nothing was imported" in result.err


def test_a_wrapping_key_on_the_command_line_is_refused_and_not_shown(hyok: Hyok, journey: list[str]) -> None:
    given = WRAPPING_KEY.hex()
    result = hyok(
        "key", "import", "payroll", "--wrapped", "payroll.kwp", "--wrapping-key", given, "--check-value", CHECK_VALUE
    )
    assert result.status == 2
    assert "--wrapping-key is a reference" in result.err
    assert given not in result.err


@pytest.mark.parametrize(
    ("content", "status", "sentence"), [(None, 2, "cannot read nope.kwp"), (bytes(5000), 2, "larger than 4096 bytes")]
)
def test_a_wrapped_key_that_cannot_be_read_is_named(
    hyok: Hyok, journey: list[str], tmp_path: Path, content: bytes | None, status: int, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "nope.kwp").write_bytes(content)
    result = hyok("key", "import", "payroll", "--wrapped", "nope.kwp", *journey[2:], "--check-value", CHECK_VALUE)
    assert result.status == status
    assert sentence in result.err


def test_a_deletion_says_what_it_will_do_and_is_not_done_without_a_word(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    hyok("key", "create", "payroll", "--keystore", "main")
    hyok("key", "rotate", "payroll")
    result = hyok("key", "delete", "payroll", "--waiting-days", "10")
    assert (result.status, result.out) == (2, "")
    assert result.err == (
        "hyok: Key payroll (offered as main/payroll) will encrypt and decrypt nothing from now on. In 10 days its "
        "material, all 2 versions of it, will be destroyed: what AWS KMS protects with it can then never be read "
        "again, by anybody. Until then `hyok key cancel-deletion payroll` keeps it; to do it without being asked, add "
        "--yes\n"
    )
    assert "State           enabled\n" in hyok("key", "show", "payroll").out


def test_a_deletion_is_scheduled_shown_and_cancelled(hyok: Hyok) -> None:
    hyok("key", "create", "payroll")
    scheduled = json.loads(hyok("key", "delete", "payroll", "--yes", "--output", "json").out)["key"]
    assert scheduled["state"] == "pending deletion"
    assert f"State           pending deletion, on {scheduled['deletion_at']}\n" in hyok("key", "show", "payroll").out
    assert hyok("key", "enable", "payroll").status == 1
    assert "State           disabled\n" in hyok("key", "cancel-deletion", "payroll").out
    assert hyok("key", "enable", "payroll").status == 0


def test_a_waiting_time_that_is_too_short_is_refused(hyok: Hyok) -> None:
    hyok("key", "create", "payroll")
    result = hyok("key", "delete", "payroll", "--waiting-days", "1", "--yes")
    assert result.status == 1
    assert "a deletion waits 7 to 30 days, not 1" in result.err
