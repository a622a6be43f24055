"""Routes, and how long they are remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hyok.proxy import routing
from hyok.proxy.keystores import KeyStoreDirectory
from hyok.proxy.routing import Route, Router
from hyok.xks.codec import decode_encrypt_request, decode_get_health_status_request
from hyok.xks.errors import XksError, XksErrorName
from tests.unit.proxy.stage import make_key_store

ALPHA = make_key_store("alpha", (), ())
ENCRYPT = b"/alpha/kms/xks/v1/keys/key-1/encrypt"


def test_a_target_leads_to_key_store_operation_and_key() -> None:
    router = Router(KeyStoreDirectory([ALPHA]))

    for _ in range(2):  # found, then remembered
        assert router.route(ENCRYPT) == Route(ALPHA, "Encrypt", decode_encrypt_request, "key-1")
    assert router.route(b"/alpha/kms/xks/v1/health") == Route(
        ALPHA, "GetHealthStatus", decode_get_health_status_request, ""
    )


def test_a_key_store_without_prefix_lives_at_the_root() -> None:
    root = replace(ALPHA, path_prefix="")

    assert Router(KeyStoreDirectory([root])).route(b"/kms/xks/v1/health").key_store is root


@pytest.mark.parametrize("target", [b"/beta/kms/xks/v1/health", b"/kms/xks/v1/health", b"/", b"", ENCRYPT + b"?a=b"])
def test_a_target_that_leads_nowhere_is_an_invalid_path(target: bytes) -> None:
    with pytest.raises(XksError) as refused:
        Router(KeyStoreDirectory([ALPHA])).route(target)

    assert refused.value.name is XksErrorName.INVALID_URI_PATH


def test_nobody_can_tell_an_unused_prefix_from_a_wrong_path() -> None:
    router = Router(KeyStoreDirectory([ALPHA]))
    messages = set()
    for target in (b"/beta/kms/xks/v1/health", b"/alpha/kms/xks/v1/helth"):
        with pytest.raises(XksError) as refused:
            router.route(target)
        messages.add(refused.value.message)

    assert len(messages) == 1


def test_a_remembered_route_is_forgotten_when_its_key_store_changes() -> None:
    directory = KeyStoreDirectory([ALPHA])
    router = Router(directory)
    router.route(ENCRYPT)
    changed = replace(ALPHA, regions=frozenset({b"eu-central-1"}))

    directory.replace({"alpha": changed})
    assert router.route(ENCRYPT).key_store is changed

    directory.replace({"alpha": None})
    with pytest.raises(XksError):
        router.route(ENCRYPT)


def test_memory_for_routes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "_ROUTES_REMEMBERED", 3)
    router = Router(KeyStoreDirectory([ALPHA]))

    for number in range(10):
        route = router.route(b"/alpha/kms/xks/v1/keys/key-%d/encrypt" % number)
        assert route.key_id == f"key-{number}"
    assert len(router._routes) <= 3
