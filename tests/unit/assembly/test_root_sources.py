from __future__ import annotations

from pathlib import Path

import pytest

from hyok.assembly import root_sources
from hyok.assembly.root_sources import open_root_key
from hyok.config.configuration import load_configuration
from hyok.config.root_sources import parse_root_source
from hyok.custody.passphrase_root import Argon2Cost, PassphraseRoot
from hyok.custody.root_key import LocalRootKey
from hyok.custody.slip39.share import encode_share
from hyok.custody.slip39.sharing import Group, make_shares
from hyok.errors import OperatorError
from hyok.secret import Secret

KEY = Secret(bytes(range(32)))
SHARES = [encode_share(share) for share in make_shares(KEY, [Group(2, 3)])[0]]
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person at the terminal enters, in turn."""
    answers: list[str] = []
    monkeypatch.setattr(root_sources, "ask_secret", lambda _prompt: answers.pop(0))
    return answers


def test_shares_are_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "shares").write_text(f"{SHARES[2]}\n\n{SHARES[0]}\n")
    root = open_root_key(parse_root_source("shamir:file:shares", tmp_path))
    assert root.id == LocalRootKey(KEY).id


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (SHARES[0], "not enough shares: 1 of 2 in group 1"),
        (f"{SHARES[0]}\n{SHARES[0]}", "line 2: this share is there already"),
        (f"{SHARES[0]}\nacademic acid", "line 2: a share has 20 words or more, and this has 2"),
    ],
)
def test_shares_that_do_not_do_are_named_by_their_line(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "shares").write_text(content)
    with pytest.raises(OperatorError, match=sentence):
        open_root_key(parse_root_source("shamir:file:shares", tmp_path))


def test_shares_are_entered_until_there_are_enough(entered: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    entered += [SHARES[1], SHARES[1], "nonsense", SHARES[0], "never asked for"]
    assert open_root_key(parse_root_source("shamir:tty", Path())).id == LocalRootKey(KEY).id
    assert entered == ["never asked for"]
    said = capsys.readouterr().err
    assert "this share is there already; enter it again, or another one" in said
    assert "nonsense" not in said


def test_shares_of_a_shorter_secret_are_no_root_key(entered: list[str]) -> None:
    entered += [encode_share(share) for share in make_shares(Secret(bytes(16)), [Group(1, 1)])[0]]
    with pytest.raises(OperatorError, match="of a secret of 16 bytes, and a root key has 32"):
        open_root_key(parse_root_source("shamir:tty", Path()))


def test_a_passphrase_is_entered_or_read(entered: list[str], tmp_path: Path) -> None:
    wrapped = PassphraseRoot(Secret(PASSPHRASE.encode())).wrap(b"x", b"")
    entered.append(PASSPHRASE)
    assert open_root_key(parse_root_source("passphrase:tty", tmp_path)).unwrap(wrapped, b"") == b"x"
    (tmp_path / "words").write_text(f"{PASSPHRASE}\n")
    assert open_root_key(parse_root_source("passphrase:file:words", tmp_path)).unwrap(wrapped, b"") == b"x"


def test_without_a_terminal_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", refuse)
    for source in ("passphrase:tty", "shamir:tty"):
        with pytest.raises(OperatorError, match="entered at a terminal, and there is none"):
            open_root_key(parse_root_source(source, Path()))


@pytest.mark.parametrize(
    "text",
    [
        "passphrase:tty",
        "passphrase:systemd-credential:words",
        "shamir:tty",
        "shamir:env:SHARES",
        "pkcs11:hsm/root-key",
        "transit:bao/hyok.root_1",
        "file:/etc/hyok/root.key",
        "env:ROOT",
    ],
)
def test_a_source_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_root_source(text, Path("/etc"))) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tty",
        "passphrase",
        "passphrase:",
        "passphrase:hunter2",
        "shamir:abc def",
        "pkcs11:hsm",
        "pkcs11:/k",
        "transit:x/",
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_root_source(text, Path("/etc"))


def write_configuration(tmp_path: Path, source: str) -> Path:
    file = tmp_path / "hyok.toml"
    file.write_text(
        f'[storage]\nurl = "sqlite:///hyok.db"\n[root_key]\nsource = "{source}"\n'
        '[key_managers.software]\nkind = "embedded"\n'
        '[key_managers.hsm]\nkind = "pkcs11"\npreset = "standard"\n'
        'module = "/usr/lib/libhsm.so"\ntoken = { label = "prod" }\n'
    )
    return file


@pytest.mark.parametrize("source", ["pkcs11:nope/k", "pkcs11:software/k", "transit:hsm/k"])
def test_a_root_key_in_a_key_manager_that_is_not_there_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(
        OperatorError, match=f"root_key.source is {source}, and key_managers.* is not there with the kind"
    ):
        load_configuration(write_configuration(tmp_path, source), {})


def test_a_secret_in_place_of_a_source_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(
        OperatorError, match=r"root_key.source is `passphrase:` with a target that does not fit"
    ) as refused:
        load_configuration(write_configuration(tmp_path, "passphrase:hunter2"), {})
    assert "hunter2" not in str(refused.value)


def test_a_root_key_in_a_key_manager_has_its_settings(tmp_path: Path) -> None:
    source = load_configuration(write_configuration(tmp_path, "pkcs11:hsm/k"), {}).require_holder().root_key.source
    assert source.settings is not None
    assert str(source) == "pkcs11:hsm/k"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a try of a passphrase cost little."""
    monkeypatch.setattr(PassphraseRoot.__init__, "__kwdefaults__", {"cost": Argon2Cost(64, 1, 1)})
