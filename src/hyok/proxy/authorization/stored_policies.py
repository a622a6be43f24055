"""The policies of key stores as the storage has them: opened, parsed, compiled.

One in force that cannot be read allows nothing: leaving it out would open what it was to close.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from hyok.custody.errors import IntegrityError
from hyok.custody.policies import PolicyPlace, open_policy
from hyok.custody.safe import Safe
from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.document import Policy
from hyok.policy.errors import PolicyError
from hyok.policy.parsing import parse_policy
from hyok.proxy.authorization.facts import Organizations
from hyok.proxy.authorization.key_store_policies import KeyStorePolicies
from hyok.proxy.authorization.policy_set import PolicySet, compile_set
from hyok.storage.schema import proxy_policies

_LOGGER: Final = logging.getLogger(__name__)


class PolicyMode(Enum):
    """What a policy does; the value is what stands in the storage."""

    ENFORCED = "enforced"
    SHADOW = "shadow"
    """It is tried on every request, and recorded, but decides nothing."""


def label_policy(name: str, external_key_id: str) -> str:
    """Return how records and explanations call a policy of a key store, or of one of its keys."""
    return f"key/{name}" if external_key_id else f"keystore/{name}"


def read_key_store_policies(
    connection: Connection,
    safe: Safe,
    key_store: str,
    organizations: Organizations,
    *,
    tried: Mapping[tuple[str, str], Policy] | None = None,
) -> KeyStorePolicies | None:
    """Read the policies of a key store and of its external keys; None if there are none.

    `tried` are further ones in shadow mode, by external key id and name.
    """
    rows = connection.execute(
        select(proxy_policies).where(proxy_policies.c.key_store == key_store).order_by(proxy_policies.c.name)
    ).all()
    if not rows and not tried:
        return None
    found: defaultdict[str, _Documents] = defaultdict(lambda: _Documents({}, {}, []))
    for row in rows:
        place = PolicyPlace(row.key_store, row.external_key_id, row.name, row.mode)
        _put(found[row.external_key_id], safe, row.sealed_document, place)
    for (key_id, name), policy in (tried or {}).items():
        found[key_id].shadow[label_policy(name, key_id)] = policy
    sets = {key_id: _compile(documents) for key_id, documents in found.items()}
    return KeyStorePolicies(
        key_store,
        of_store=sets.get(""),
        of_keys={key_id: place for key_id, place in sets.items() if key_id and place is not None},
        organizations=organizations,
    )


class _Documents(NamedTuple):
    """The policies of one place, by their labels."""

    enforced: dict[str, Policy]
    shadow: dict[str, Policy]
    unreadable: list[str]


def _put(documents: _Documents, safe: Safe, sealed_document: bytes, place: PolicyPlace) -> None:
    label = label_policy(place.name, place.external_key_id)
    is_shadow = place.mode == PolicyMode.SHADOW.value  # any other word is in force: what is unknown must not open
    try:
        policy = parse_policy(open_policy(safe, sealed_document, place), PROXY_POLICY)
    except (IntegrityError, PolicyError) as error:
        meaning = "it is not tried" if is_shadow else "it allows nothing until it is set again"
        _LOGGER.error("policy %s of key store %s cannot be read, %s: %s", label, place.key_store, meaning, error)
        if not is_shadow:
            documents.unreadable.append(label)
    else:
        (documents.shadow if is_shadow else documents.enforced)[label] = policy


def _compile(documents: _Documents) -> PolicySet | None:
    unreadable = documents.unreadable[0] if documents.unreadable else ""
    return compile_set(documents.enforced, documents.shadow, unreadable=unreadable)
