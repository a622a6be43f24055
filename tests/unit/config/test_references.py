from __future__ import annotations

from pathlib import Path

import pytest

from hyok.config.references import (
    MAX_SECRET_BYTES,
    SecretReference,
    describe_reference,
    parse_secret_reference,
    resolve_path,
    resolve_secret,
)
from hyok.errors import OperatorError
from hyok.secret import Secret


def reference(text: str) -> SecretReference:
    return parse_secret_reference(text, Path("/base"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("file:/etc/key", "file:/etc/key"),
        ("file:key", "file:/base/key"),
        ("file:../key", "file:/key"),
        ("env:HYOK_ROOT", "env:HYOK_ROOT"),
        ("systemd-credential:root", "systemd-credential:root"),
    ],
)
def test_a_reference_is_shown_as_it_is_written_with_its_path_made_absolute(text: str, shown: str) -> None:
    assert str(reference(text)) == shown


def test_a_file_is_read_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\x00\xffsecret\n")
    assert resolve_secret(reference(f"file:{tmp_path}/key"), {}) == Secret(b"\x00\xffsecret\n")


def test_a_variable_is_the_secret() -> None:
    assert resolve_secret(reference("env:PIN"), {"PIN": "1234"}) == Secret(b"1234")


def test_a_variable_keeps_bytes_that_are_not_utf_8() -> None:
    assert resolve_secret(reference("env:PIN"), {"PIN": b"\xff\x01".decode("utf-8", "surrogateescape")}) == Secret(
        b"\xff\x01"
    )


def test_a_credential_is_read_from_the_directory_that_systemd_names(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"secret")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert resolve_secret(reference("systemd-credential:root"), environment) == Secret(b"secret")
    assert resolve_path(reference("systemd-credential:root"), environment) == tmp_path / "root"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(OperatorError) as raised:
        resolve_secret(reference("env:PIN"), {"OTHER": "x"})
    assert str(raised.value) == "env:PIN: there is no environment variable PIN; set it"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as raised:
        resolve_secret(reference(f"file:{tmp_path}/key"), {})
    assert str(raised.value) == f"file:{tmp_path}/key: cannot read {tmp_path}/key: No such file or directory"


def test_a_credential_outside_a_unit_says_what_the_unit_needs() -> None:
    with pytest.raises(OperatorError) as raised:
        resolve_secret(reference("systemd-credential:root"), {})
    assert str(raised.value) == (
        "systemd-credential:root: CREDENTIALS_DIRECTORY is not set; this reference works in a systemd unit with "
        "LoadCredential=root:PATH"
    )


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(OperatorError) as raised:
        resolve_secret(reference("env:PIN"), {"PIN": ""})
    assert str(raised.value) == "env:PIN: it is empty"


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * (MAX_SECRET_BYTES + 1))
    with pytest.raises(OperatorError, match=r"key is larger than 1048576 bytes, which no secret is"):
        resolve_secret(reference(f"file:{tmp_path}/key"), {})


def test_a_variable_has_no_path() -> None:
    assert resolve_path(reference("env:PEM"), {}) is None


def test_a_file_has_its_path_whether_it_is_there_or_not() -> None:
    assert resolve_path(reference("file:key"), {}) == Path("/base/key")


def test_a_scheme_that_would_break_the_line_is_not_shown() -> None:
    assert describe_reference("e\nv:A") == "a text of 5 characters without such a scheme"
