from __future__ import annotations

import pytest
from sqlalchemy import update

from hyok.administration.external_keys import add_external_key, remove_external_key
from hyok.administration.keystores import create_key_store, delete_key_store
from hyok.administration.policies import StoredPolicy, list_policies, remove_policy, set_policy
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.policy.errors import PolicyError
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.stored_policies import PolicyMode, read_key_store_policies
from hyok.storage.changes import ChangeKind
from hyok.storage.engine import Storage
from hyok.storage.schema import proxy_policies
from hyok.xks.messages import RequestMetadata
from tests.unit.administration.test_keystores import changes_in
from tests.unit.proxy.authorization.written import document
from tests.unit.storage.fixtures import SetClock

ALLOW, DENY = document({"Sid": "All"}).encode(), document({"Sid": "None", "Effect": "Deny"}).encode()
ASKED = RequestMetadata("Encrypt", "1", "arn:aws:iam::111122223333:user/Alice", "arn:aws:kms:x:1:key/1")


@pytest.fixture(autouse=True)
def key_store(holder_storage: Storage, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    offer(holder_storage, clock)


def offer(storage: Storage, clock: SetClock) -> None:
    add_external_key(
        storage, clock, key_store="dev", external_key_id="a", key_manager="software", manager_key_id="payroll"
    )


class Office:
    """Sets policies of the key store dev."""

    def __init__(self, storage: Storage, safe: Safe, clock: SetClock) -> None:
        self.storage, self.safe, self.clock = storage, safe, clock

    def set(
        self, text: bytes, *, key: str = "", name: str = "default", mode: PolicyMode = PolicyMode.ENFORCED
    ) -> StoredPolicy:
        return set_policy(
            self.storage,
            self.safe,
            self.clock,
            key_store="dev",
            external_key_id=key,
            name=name,
            document=text,
            mode=mode,
        )

    def there(self) -> list[tuple[str, str, PolicyMode]]:
        return [(each.external_key_id, each.name, each.mode) for each in list_policies(self.storage, self.safe)]

    def read(self) -> KeyStorePolicies | None:
        with self.storage.reading() as connection:
            return read_key_store_policies(connection, self.safe, "dev", {})

    def decides(self, key: str = "a") -> tuple[str, str | None] | None:
        policies = self.read()
        assert policies is not None
        verdict = policies.decide(ASKED, key, "Encrypt", peer="::1", now=0.0, read_extra_metadata=dict)
        return None if verdict is None or verdict.enforced is None else verdict.enforced[0:2]  # type: ignore[return-value]  # of a named tuple


@pytest.fixture
def office(holder_storage: Storage, safe: Safe, clock: SetClock) -> Office:
    return Office(holder_storage, safe, clock)


def test_a_policy_that_was_set_is_listed_with_its_document(office: Office) -> None:
    policy = office.set(ALLOW)
    assert policy == StoredPolicy("dev", "", "default", PolicyMode.ENFORCED, ALLOW.decode(), office.clock.time)
    assert list_policies(office.storage, office.safe, key_store="dev") == (policy,)
    assert policy.label == "keystore/default"
    assert office.set(ALLOW, key="a").label == "key/default"
    assert changes_in(office.storage)[-1] == (ChangeKind.POLICY, "dev")


def test_a_policy_takes_the_place_of_the_one_of_its_name(office: Office) -> None:
    office.set(ALLOW)
    office.set(DENY)
    office.set(ALLOW, name="other")
    assert office.there() == [("", "default", PolicyMode.ENFORCED), ("", "other", PolicyMode.ENFORCED)]
    assert office.decides() is not None


def test_one_put_in_force_ends_the_shadow_mode_of_its_name(office: Office) -> None:
    office.set(ALLOW)
    office.set(DENY, mode=PolicyMode.SHADOW)
    office.set(DENY, name="other", mode=PolicyMode.SHADOW)
    assert len(office.there()) == 3
    office.set(DENY)
    assert office.there() == [("", "default", PolicyMode.ENFORCED), ("", "other", PolicyMode.SHADOW)]


def test_what_is_no_policy_is_not_set(office: Office) -> None:
    with pytest.raises(PolicyError, match='did you mean "kms:Decrypt"'):
        office.set(ALLOW.replace(b"kms:*", b"kms:Decypt"))
    with pytest.raises(NotDoneError, match="cannot name a policy"):
        office.set(ALLOW, name="a b")
    with pytest.raises(NotDoneError, match="has no external key 'b'"):
        office.set(ALLOW, key="b")
    assert office.there() == []


def test_a_removed_policy_decides_no_more(office: Office) -> None:
    office.set(DENY, key="a")
    remove_policy(office.storage, office.clock, key_store="dev", external_key_id="a")
    assert office.read() is None
    with pytest.raises(NotDoneError, match="has no policy 'default' that is enforced"):
        remove_policy(office.storage, office.clock, key_store="dev", external_key_id="a")
    with pytest.raises(NotDoneError, match="there is no key store"):
        remove_policy(office.storage, office.clock, key_store="nope")


def test_policies_go_with_their_key_and_with_their_key_store(office: Office) -> None:
    office.set(DENY, key="a")
    office.set(ALLOW)
    remove_external_key(office.storage, office.clock, key_store="dev", external_key_id="a")
    assert (ChangeKind.POLICY, "dev") in changes_in(office.storage)[-2:]
    assert office.there() == [("", "default", PolicyMode.ENFORCED)]
    delete_key_store(office.storage, office.clock, "dev")
    assert office.there() == []


@pytest.mark.parametrize(
    "edit",
    [
        {"mode": "shadow"},
        {"mode": "off"},
        {"name": "another"},
        {"external_key_id": ""},
        {"sealed_document": b"\x01" + bytes(80)},
    ],
    ids=lambda edit: f"{next(iter(edit))}-{next(iter(edit.values()))!r}"[:30],
)
def test_an_edited_row_never_puts_another_policy_in_force(office: Office, edit: dict[str, object]) -> None:
    office.set(ALLOW, key="a")
    office.set(DENY, key="a", name="of the auditors".replace(" ", "-"))
    with office.storage.transaction() as connection:
        connection.execute(update(proxy_policies).where(proxy_policies.c.name == "default").values(edit))
    found = office.decides()
    assert found is not None
    assert found[0].value == "denied"  # type: ignore[attr-defined]  # an Outcome


def test_a_row_that_does_not_open_is_listed_without_its_document(office: Office) -> None:
    office.set(ALLOW)
    with office.storage.transaction() as connection:
        connection.execute(update(proxy_policies).values(sealed_document=bytes(60)))
    (policy,) = list_policies(office.storage, office.safe)
    assert policy.document == ""
    assert str(office.decides()) == "(<Outcome.DENIED: 'denied'>, 'keystore/default')"


def test_one_in_shadow_mode_that_cannot_be_read_is_left_out(office: Office) -> None:
    office.set(ALLOW)
    office.set(DENY, mode=PolicyMode.SHADOW)
    with office.storage.transaction() as connection:
        connection.execute(
            update(proxy_policies).where(proxy_policies.c.mode == "shadow").values(sealed_document=bytes(60))
        )
    assert str(office.decides()) == "(<Outcome.ALLOWED: 'allowed'>, 'keystore/default')"
