"""The key stores in memory."""

from __future__ import annotations

from dataclasses import replace

from hyok.proxy.keystores import ExternalKey, ExternalKeys, KeyStoreDirectory
from tests.unit.proxy.stage import ALPHA_SIGNER, make_key_store

ALPHA = make_key_store("alpha", (ALPHA_SIGNER,), ("key",))
BETA = make_key_store("beta", (), ())


def test_a_key_store_is_found_by_prefix_and_by_name() -> None:
    directory = KeyStoreDirectory([ALPHA, BETA])

    assert directory.by_prefix == {b"/alpha": ALPHA, b"/beta": BETA}
    assert directory.named("beta") is BETA
    assert directory.named("gamma") is None


def test_what_requests_see_is_replaced_and_never_changed() -> None:
    directory = KeyStoreDirectory([ALPHA, BETA])
    seen = directory.by_prefix
    moved = replace(ALPHA, path_prefix="/moved")

    directory.replace({"alpha": moved, "beta": None})

    assert seen == {b"/alpha": ALPHA, b"/beta": BETA}
    assert directory.by_prefix == {b"/moved": moved}


def test_external_keys_are_put_replaced_and_removed() -> None:
    keys = ExternalKeys([ExternalKey("a", "software", "a")])

    keys.put(ExternalKey("b", "hsm", "b"))
    keys.put(ExternalKey("a", "hsm", "other"))
    keys.remove("b")
    keys.remove("never there")

    assert keys.find("a") == ExternalKey("a", "hsm", "other")
    assert keys.find("b") is None


def test_the_key_managers_are_those_that_still_hold_a_key() -> None:
    keys = ExternalKeys([ExternalKey("a", "software", "a"), ExternalKey("b", "hsm", "b")])
    assert keys.key_managers() == ("hsm", "software")

    keys.remove("a")

    assert keys.key_managers() == ("hsm",)


def test_no_secret_shows_in_a_key_stores_repr() -> None:
    assert ALPHA_SIGNER.secret.reveal().decode() not in repr(ALPHA) + repr(KeyStoreDirectory([ALPHA]))
