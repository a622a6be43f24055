from __future__ import annotations

from dataclasses import replace

from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_values import Grant, GrantConstraints, GrantPrincipal
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY

ALICE = "arn:aws:iam::123456789012:user/alice"
ROLE = "arn:aws:iam::123456789012:role/apps/app"

GRANT = Grant(
    grant_id="b" * 64,
    key_id=ORDINARY_KEY.key_id,
    key_arn=ORDINARY_KEY.arn,
    name="backup",
    grantee=GrantPrincipal(ALICE, is_service=False),
    retiring=GrantPrincipal(ROLE, is_service=False),
    issuing_account="arn:aws:iam::123456789012:root",
    operations=("Decrypt",),
    constraints=GrantConstraints(context_subset={"a": "1"}),
    created_at=1.0,
)
OTHER = replace(GRANT, grant_id="a" * 64, grantee=GrantPrincipal(ROLE, is_service=False), name=None, retiring=None)
OF_ANOTHER_KEY = replace(GRANT, grant_id="c" * 64, key_id=EXTERNAL_KEY.key_id, key_arn=EXTERNAL_KEY.arn)


def index_of(*grants: Grant) -> GrantIndex:
    index = GrantIndex()
    for grant in grants:
        index.put(grant)
    return index


def test_grants_are_found_by_all_the_api_asks_for_and_sorted() -> None:
    index = index_of(GRANT, OTHER, OF_ANOTHER_KEY)
    assert index.grant(GRANT.grant_id) is GRANT
    assert index.ids_of_key(GRANT.key_id) == [OTHER.grant_id, GRANT.grant_id]
    assert index.ids_of_grantee(GRANT.key_id, ALICE) == [GRANT.grant_id]
    assert index.ids_of_retiring(ROLE) == [GRANT.grant_id, OF_ANOTHER_KEY.grant_id]


def test_a_role_is_meant_without_its_path_which_its_sessions_do_not_tell() -> None:
    index = index_of(OTHER)
    assert list(index.meaning(OTHER.key_id, "arn:aws:iam::123456789012:role/app")) == [OTHER]
    assert list(index.meaning(OTHER.key_id, ROLE)) == []


def test_a_grant_of_the_same_name_is_repeated_only_if_it_says_the_same() -> None:
    index = index_of(GRANT)
    assert index.repeated(replace(GRANT, grant_id="", created_at=9.0)) is GRANT
    for other in (
        replace(GRANT, operations=("Encrypt",)),
        replace(GRANT, constraints=GrantConstraints(context_equals={"a": "1"})),
        replace(GRANT, grantee=GrantPrincipal(ROLE, is_service=False)),
        replace(GRANT, retiring=None),
        replace(GRANT, issuing_account="arn:aws:iam::999999999999:root"),
        replace(GRANT, name="another"),
        replace(GRANT, name=None),
        OF_ANOTHER_KEY,
    ):
        assert index.repeated(other) is None


def test_a_dropped_grant_is_found_no_more() -> None:
    index = index_of(GRANT, OTHER, OF_ANOTHER_KEY)
    index.drop(GRANT)
    assert index.grant(GRANT.grant_id) is None
    assert index.ids_of_key(GRANT.key_id) == [OTHER.grant_id]
    assert list(index.ids_of_grantee(GRANT.key_id, ALICE)) == []
    assert index.ids_of_retiring(ROLE) == [OF_ANOTHER_KEY.grant_id]
    assert index.repeated(GRANT) is None


def test_a_key_s_grants_go_with_it_and_no_others() -> None:
    index = index_of(GRANT, OTHER, OF_ANOTHER_KEY)
    index.drop_grants_of(GRANT.key_id)
    index.drop_grants_of(GRANT.key_id)
    assert index.grant(OF_ANOTHER_KEY.grant_id) is OF_ANOTHER_KEY
    assert list(index.ids_of_key(GRANT.key_id)) == []
