from __future__ import annotations

import json
from pathlib import Path

import pytest

from hyok.xks.errors import XksError, XksErrorName, encode_error
from hyok.xks.operations import XksOperation

ROOT = Path(__file__).parents[3]
TABLES = [ROOT / "tests" / "vectors" / "xks-errors.md", ROOT.parent / "shared" / "spec" / "xks-proxy-api.md"]
SHORT_NAMES = {
    "encrypt": XksOperation.ENCRYPT,
    "decrypt": XksOperation.DECRYPT,
    "health": XksOperation.GET_HEALTH_STATUS,
}


def read_table(path: Path) -> dict[str, tuple[int, frozenset[XksOperation]]]:
    """Read the rows `| status | name | when | operations |`."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in path.read_text().splitlines() if "|" in line]
    return {
        row[1].strip("`"): (int(row[0]), read_operations(row[3])) for row in rows if len(row) == 4 and row[0].isdigit()
    }


def read_operations(cell: str) -> frozenset[XksOperation]:
    if cell.startswith("all but "):
        return frozenset(XksOperation) - {SHORT_NAMES[cell.removeprefix("all but ")]}
    if cell.startswith("all"):
        return frozenset(XksOperation)
    return frozenset(SHORT_NAMES[name] for name in cell.split(", "))


@pytest.mark.parametrize("path", [path for path in TABLES if path.exists()], ids=lambda path: path.name)
def test_the_errors_are_those_of_the_specifications_table(path: Path) -> None:
    assert {name.value: (name.status, name.operations) for name in XksErrorName} == read_table(path)


def test_there_are_twelve_errors() -> None:
    assert len(XksErrorName) == 12
    assert len(read_table(TABLES[0])) == 12


def test_a_name_is_found_by_its_name_on_the_wire() -> None:
    for name in XksErrorName:
        assert XksErrorName(name.value) is name  # type: ignore[call-arg]  # mypy counts the arguments of __new__


def test_an_error_is_written_with_its_message() -> None:
    body = encode_error(XksError(XksErrorName.KEY_NOT_FOUND, 'no key "a" here'))
    assert json.loads(body) == {"errorName": "KeyNotFoundException", "errorMessage": 'no key "a" here'}


def test_an_error_without_a_message_is_written_without_one() -> None:
    assert json.loads(encode_error(XksError(XksErrorName.INTERNAL))) == {"errorName": "InternalException"}


def test_an_error_reads_as_name_and_message() -> None:
    assert (
        str(XksError(XksErrorName.INTERNAL, "the key manager is down")) == "InternalException: the key manager is down"
    )
    assert str(XksError(XksErrorName.INTERNAL)) == "InternalException"


def test_a_message_is_cut_to_less_than_512_characters() -> None:
    assert XksError(XksErrorName.INTERNAL, "x" * 511).message == "x" * 511
    assert XksError(XksErrorName.INTERNAL, "x" * 512).message == "x" * 511


@pytest.mark.parametrize(
    ("message", "expected"),
    [("a\nb", "a?b"), ("caf\u00e9", "caf?"), ("\x7f\x00 ~", "?? ~"), ("\ud800", "?"), ("\U0001f511" * 600, "?" * 511)],
)
def test_a_message_is_always_printable_ascii(message: str, expected: str) -> None:
    assert XksError(XksErrorName.INTERNAL, message).message == expected
