from __future__ import annotations

import pytest

from hyok.administration.keys import create_key, disable_key, enable_key, list_keys, rotate_key, show_key
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    return EmbeddedKeyAdministrator(holder_storage, safe, clock)


def test_a_key_lives_through_all_an_operator_does(administrator: EmbeddedKeyAdministrator) -> None:
    assert create_key(administrator, "a").usages == {KeyUsage.ENCRYPT, KeyUsage.DECRYPT}
    assert rotate_key(administrator, "a").active_version == 2
    assert not disable_key(administrator, "a").is_enabled
    assert enable_key(administrator, "a").is_enabled
    assert list_keys(administrator) == (show_key(administrator, "a"),)


class UnreachableAdministrator(EmbeddedKeyAdministrator):
    """Fails as a key manager on the network does."""

    def rotate_key(self, key_id: str) -> ManagedKey:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "no answer")


def test_what_a_key_manager_fails_at_is_not_done(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="key a was not rotated: the key manager says unavailable: no answer"):
        rotate_key(UnreachableAdministrator(holder_storage, safe, clock), "a")
