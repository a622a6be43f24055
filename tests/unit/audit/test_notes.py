"""Signed notes and checkpoints."""

from __future__ import annotations

import pytest

from hyok.audit.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.notes import MOST_BYTES, Signer, parse_note, parse_verification_key
from hyok.audit.tree import EMPTY_ROOT

SIGNER = Signer(bytes(range(32)))
CHECKPOINT = Checkpoint("hyok.audit/0123456789abcdef/proxy-1", 20852163, EMPTY_ROOT)


def test_a_checkpoint_is_a_note_of_three_lines_and_a_signature() -> None:
    text, signature = CHECKPOINT.sign(SIGNER).decode().split("\n\n")

    assert text.split("\n") == [
        "hyok.audit/0123456789abcdef/proxy-1",
        "20852163",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ]
    assert signature.startswith("\u2014 hyok.audit/0123456789abcdef/proxy-1 ")


def test_a_checkpoint_opens_with_the_key_that_signed_it() -> None:
    assert open_checkpoint(CHECKPOINT.sign(SIGNER), SIGNER.key) == CHECKPOINT


def test_a_note_of_another_implementation_is_verified() -> None:
    # The example of the checksum database's note format: its key and its note.
    key = parse_verification_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = parse_note(
        b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        b"\xe2\x80\x94 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6"
        b"RyyBwJnAM=\n"
    )

    key.verify(note, "PeterNeumann")
    with pytest.raises(NoteError, match="was altered"):
        key.verify(note._replace(text=note.text + "\n"), "PeterNeumann")


@pytest.mark.parametrize("changed", [b"20852163", b"hyok.audit", b"47DEQpj8"])
def test_a_checkpoint_that_was_altered_is_refused(changed: bytes) -> None:
    content = CHECKPOINT.sign(SIGNER)
    text, gap, signature = content.partition(b"\n\n")
    altered = text.replace(changed, changed[:-1] + (b"1" if changed[-1:] != b"1" else b"2")) + gap + signature

    assert altered != content
    with pytest.raises(NoteError):
        open_checkpoint(altered, SIGNER.key)


def test_a_checkpoint_of_another_key_is_refused() -> None:
    with pytest.raises(NoteError, match="is not signed by"):
        open_checkpoint(CHECKPOINT.sign(Signer(bytes(32))), SIGNER.key)


def test_a_signature_for_another_log_does_not_serve() -> None:
    # The same text under the name of another log: the name is in the key id.
    note = SIGNER.sign(CHECKPOINT.text(), "hyok.audit/0123456789abcdef/proxy-2")

    with pytest.raises(NoteError, match="is not signed by"):
        open_checkpoint(note.encode(), SIGNER.key)


def test_signatures_of_witnesses_are_no_hindrance() -> None:
    content = CHECKPOINT.sign(SIGNER) + "\u2014 witness.example/w1 jWbPPwAAAABkGFDL\n".encode()

    assert open_checkpoint(content, SIGNER.key) == CHECKPOINT


def test_lines_after_the_third_are_ignored() -> None:
    text = CHECKPOINT.text() + "an extension\n"

    assert parse_checkpoint(parse_note(SIGNER.sign(text, CHECKPOINT.origin).encode())) == CHECKPOINT


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no note",
        b"text\n\n",
        b"text\n\nno signature\n",
        b"text\n\n\xe2\x80\x94 name\n",
        b"text\n\n\xe2\x80\x94 name not!base64\n",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 a+b AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 a\xc2\xa0b AAAAAAAA\n",
        b"te\x00xt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"te\xffxt\n\n\xe2\x80\x94 name AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAAA",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAAA\n" * 65,
        b"x" * MOST_BYTES + b"\n\n\xe2\x80\x94 name AAAAAAAA\n",
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(content)


@pytest.mark.parametrize(
    "lines",
    [
        ("origin", "7"),
        ("origin", "07", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("origin", "-7", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("origin", "\u0667", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("origin", "9" * 19, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("origin", "7", "47DEQpj8"),
        ("origin", "7", "not Base64"),
        ("", "7", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    ],
)
def test_what_is_no_checkpoint_is_refused(lines: tuple[str, ...]) -> None:
    note = parse_note(SIGNER.sign("".join(f"{line}\n" for line in lines), "origin").encode())

    with pytest.raises(NoteError):
        parse_checkpoint(note)


def test_a_key_is_read_as_it_was_printed() -> None:
    assert parse_verification_key(f"{SIGNER.key}\n") == SIGNER.key
    assert parse_verification_key(SIGNER.key.verifier_key("hyok.audit/0/proxy-1")) == SIGNER.key


@pytest.mark.parametrize("text", ["", "AAAA", "name+00000000+AAAA", "x" * 44])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="no audit key"):
        parse_verification_key(text)
