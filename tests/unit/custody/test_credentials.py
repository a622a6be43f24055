from __future__ import annotations

import pytest

from hyok.custody.credentials import CredentialPlace, open_credential, seal_credential
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.secret import Secret

PLACE = CredentialPlace("dev", "HYOKAAAAAAAAAAAAAAAAAAAA", is_active=True)


def test_a_secret_opens_where_it_was_sealed(safe: Safe) -> None:
    assert open_credential(safe, seal_credential(safe, Secret(b"s" * 48), PLACE), PLACE) == Secret(b"s" * 48)


@pytest.mark.parametrize(
    "place",
    [PLACE._replace(is_active=False), PLACE._replace(key_store="prod"), PLACE._replace(access_key_id="B" * 20)],
)
def test_a_secret_does_not_open_in_an_edited_row(safe: Safe, place: CredentialPlace) -> None:
    with pytest.raises(IntegrityError):
        open_credential(safe, seal_credential(safe, Secret(b"s" * 48), PLACE), place)
