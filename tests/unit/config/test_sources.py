from __future__ import annotations

from pathlib import Path

import pytest

from hyok.config.sources import MAX_FILE_BYTES, overlay_environment, parse_tables, read_file
from hyok.errors import OperatorError


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        read_file(tmp_path / "no.toml")
    assert str(raised.value) == f"{tmp_path}/no.toml: cannot read the configuration: No such file or directory"


def test_a_directory_is_not_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        read_file(tmp_path)
    assert str(raised.value) == f"{tmp_path}: cannot read the configuration: Is a directory"


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "hyok.toml"
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(OperatorError) as raised:
        read_file(file)
    assert str(raised.value) == f"{file}: larger than {MAX_FILE_BYTES} bytes, which no configuration is"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = [", "not TOML: invalid value (at end of document)"),
        (b"a = 1\na = 2\n", "not TOML: cannot overwrite a value (at line 2, column 6)"),
        (b"[proxy\n", "not TOML: expected ']' at the end of a table declaration (at line 1, column 7)"),
        (b"a = '\xff'", "not UTF-8 text (byte 5), which TOML must be"),
        (b"a = " + b"[" * 20_000, "nested too deeply to be a configuration"),
    ],
)
def test_what_is_not_toml_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(OperatorError) as raised:
        parse_tables(content, name="f")
    assert str(raised.value) == f"f: {message}"


def test_other_variables_are_left_alone() -> None:
    tables: dict[str, object] = {}
    overlay_environment(tables, {"HYOK_CONFIG": "x", "PATH": "y", "HYOKA__B": "z"}, name="f")
    assert tables == {}


@pytest.mark.parametrize("variable", ["HYOK__", "HYOK____A", "HYOK__A__"])
def test_a_variable_that_names_no_place_is_refused(variable: str) -> None:
    with pytest.raises(OperatorError) as raised:
        overlay_environment({}, {variable: "x"}, name="f")
    assert str(raised.value) == f"{variable}: not the name of a setting; write HYOK__SECTION__KEY"


def test_a_variable_below_a_plain_value_is_refused() -> None:
    with pytest.raises(OperatorError) as raised:
        overlay_environment({"proxy": 1}, {"HYOK__PROXY__LISTEN": "x"}, name="f")
    assert str(raised.value) == "HYOK__PROXY__LISTEN: proxy is not a section in f; write HYOK__SECTION__KEY"
