"""Properties of grants: what may be made by their right, and which requests they allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.kms.condition_keys import Use
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_permission import is_granted
from hyok.kms.grant_values import CREATE_GRANT, Grant, GrantConstraints, GrantPrincipal
from tests.sizes import size
from tests.unit.kms.examples import ORDINARY_KEY
from tests.unit.kms.running import a_call
from tests.unit.kms.test_grant_index import GRANT

few = settings(derandomize=True, deadline=None, max_examples=size(usual=300, nightly=20_000))

PARENT_HOLDER = "arn:aws:iam::123456789012:user/parent"
CHILD_HOLDER = "arn:aws:iam::123456789012:user/child"

operations = st.sets(
    st.sampled_from(["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey", CREATE_GRANT]), min_size=1
)
contexts = st.dictionaries(st.sampled_from(["a", "A", "b"]), st.sampled_from(["1", "2"]), max_size=3)
constraints = st.one_of(
    st.just(GrantConstraints()),
    contexts.map(lambda context: GrantConstraints(context_equals=context)),
    contexts.map(lambda context: GrantConstraints(context_subset=context)),
)


def grant(grant_id: str, holder: str, allowed: set[str], constraint: GrantConstraints) -> Grant:
    return replace(
        GRANT,
        grant_id=grant_id * 64,
        name=None,
        retiring=None,
        grantee=GrantPrincipal(holder, is_service=False),
        operations=tuple(sorted(allowed)),
        constraints=constraint,
    )


def allows(held: Grant, action: str, context: Mapping[str, str], *, wanted: Grant | None = None) -> bool:
    index = GrantIndex()
    index.put(held)
    call = a_call(action)._replace(principal_arn=held.grantee.name)
    use = Use(call, action, {}, ORDINARY_KEY, encryption_context=context, grant=wanted)
    return is_granted(index, use, has_rights_at_home=False)


@few
@given(
    operations,
    constraints,
    operations,
    constraints,
    st.sampled_from(["Encrypt", "Decrypt", "GenerateDataKey"]),
    contexts,
)
def test_whoever_holds_a_child_can_do_nothing_that_its_parent_does_not_allow(
    parent_operations: set[str],
    parent_constraints: GrantConstraints,
    child_operations: set[str],
    child_constraints: GrantConstraints,
    action: str,
    context: dict[str, str],
) -> None:
    parent = grant("a", PARENT_HOLDER, parent_operations | {CREATE_GRANT}, parent_constraints)
    child = grant("b", CHILD_HOLDER, child_operations, child_constraints)
    if allows(parent, CREATE_GRANT, {}, wanted=child) and allows(child, action, context):
        assert allows(parent, action, context)


@few
@given(operations, constraints)
def test_a_parent_can_hand_on_all_it_allows(allowed: set[str], constraint: GrantConstraints) -> None:
    parent = grant("a", PARENT_HOLDER, allowed | {CREATE_GRANT}, constraint)
    assert allows(parent, CREATE_GRANT, {}, wanted=grant("b", CHILD_HOLDER, allowed, constraint))


@few
@given(operations, constraints, st.sampled_from(["Encrypt", "Sign", "PutKeyPolicy"]), contexts)
def test_a_grant_allows_what_it_lists_where_its_constraint_holds(
    allowed: set[str], constraint: GrantConstraints, action: str, context: dict[str, str]
) -> None:
    def pairs(of: Mapping[str, str]) -> list[tuple[str, str]]:
        return sorted((name.lower(), value) for name, value in of.items())

    holds = True
    if constraint.context_equals is not None:
        holds = pairs(context) == pairs(constraint.context_equals)
    elif constraint.context_subset is not None:
        holds = all(pair in pairs(context) for pair in pairs(constraint.context_subset))
    assert allows(grant("a", PARENT_HOLDER, allowed, constraint), action, context) is (action in allowed and holds)
