from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.config.configuration import build_configuration
from hyok.config.references import parse_secret_reference
from hyok.config.values import Address, parse_address
from hyok.errors import OperatorError

BASE = Path("/base")
SECRET = "hunter2-hunter2"

names = st.text("aZ_.- 0", max_size=5)
values = st.recursive(
    st.booleans() | st.integers() | st.floats() | names | st.just(SECRET),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(names, children, max_size=3),
    max_leaves=4,
)
known = st.sampled_from(
    [
        "storage",
        "root_key",
        "proxy",
        "key_managers",
        "audit",
        "metrics",
        "kms",
        "url",
        "source",
        "listen",
        "kind",
        "name",
    ]
)
tables = st.dictionaries(known, values | st.dictionaries(known, values, max_size=4), max_size=4)


def sentence_about(tables: dict[str, object]) -> str:
    """Return the error's text, empty if there was none; any other exception is the test's failure."""
    try:
        build_configuration(tables, file=Path("/f/hyok.toml"), environment={})
    except OperatorError as error:
        return str(error)
    return ""


@settings(derandomize=True, max_examples=300)
@given(tables)
def test_any_tables_are_a_configuration_or_one_sentence(found: dict[str, object]) -> None:
    assert "\n" not in sentence_about(found)


@settings(derandomize=True, max_examples=200)
@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_reads_back_as_it_was_written(host: object, port: int) -> None:
    address = Address(str(host), port)
    assert parse_address(str(address), BASE) == address


@settings(derandomize=True, max_examples=200)
@given(st.text(max_size=40))
def test_a_reference_reads_back_as_it_was_written(text: str) -> None:
    try:
        reference = parse_secret_reference(text, BASE)
    except ValueError:
        return
    assert parse_secret_reference(str(reference), BASE) == reference


@settings(derandomize=True, max_examples=100)
@given(
    st.sampled_from(["storage.url", "root_key.source", "proxy.certificate", "kms.root_key.source"]), st.text(max_size=9)
)
def test_a_secret_written_where_a_reference_belongs_is_never_shown(place: str, around: str) -> None:
    found: object = around + SECRET
    for key in reversed(place.split(".")):
        found = {key: found}
    assert isinstance(found, dict)
    assert SECRET not in sentence_about(found)
