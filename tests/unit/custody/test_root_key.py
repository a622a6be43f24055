from __future__ import annotations

import pytest

from hyok.custody.errors import CustodyError, IntegrityError
from hyok.custody.root_key import LocalRootKey
from hyok.secret import Secret


def test_the_id_names_the_key_and_not_where_it_is_kept() -> None:
    assert LocalRootKey(Secret(bytes(32))).id == LocalRootKey(Secret(bytes(32))).id
    assert LocalRootKey(Secret(bytes(32))).id != LocalRootKey(Secret(b"\x01" + bytes(31))).id


def test_the_id_tells_nothing_of_the_key() -> None:
    key = bytes(range(32))
    assert len(LocalRootKey(Secret(key)).id) == 16
    assert LocalRootKey(Secret(key)).id not in key.hex()


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_root_key_has_32_bytes(size: int) -> None:
    with pytest.raises(CustodyError, match=f"is 32 bytes, not {size}"):
        LocalRootKey(Secret(bytes(size)))


def test_what_is_wrapped_opens_only_in_its_context() -> None:
    root = LocalRootKey(Secret(bytes(32)))
    wrapped = root.wrap(b"kek", b"here")
    assert root.unwrap(wrapped, b"here") == b"kek"
    with pytest.raises(IntegrityError):
        root.unwrap(wrapped, b"there")


def test_what_another_root_wrapped_does_not_open() -> None:
    wrapped = LocalRootKey(Secret(bytes(32))).wrap(b"kek", b"")
    with pytest.raises(IntegrityError):
        LocalRootKey(Secret(b"\x01" * 32)).unwrap(wrapped, b"")
