"""Remembering decisions, for as long as the policies they come from."""

from __future__ import annotations

from typing import Final

from hyok.policy.compiled import CompiledPolicies
from hyok.policy.decision import Decision
from hyok.policy.values import Request

MAX_DECISIONS: Final = 1024


class DecisionMemory:
    """Decides by compiled policies, and the second time from memory.

    A decision is remembered under all that it can depend on, and never where the moment or an address had a part in it.
    Policies that change are compiled anew and get a memory of their own.
    """

    __slots__ = ("_decisions", "_keys", "_max_decisions", "policies")

    def __init__(self, policies: CompiledPolicies, *, max_decisions: int = MAX_DECISIONS) -> None:
        self.policies = policies
        self._keys = policies.inputs.lasting_keys
        self._max_decisions = max_decisions
        self._decisions: dict[tuple[object, ...], Decision] = {}

    def decide(self, request: Request) -> Decision:
        """Decide on a request."""
        principal, action, resource, context = request
        values = tuple(map(context.get, self._keys))
        # The types too: 1, 1.0 and True are equal, but only one of them is written "true".
        case = (principal, action, resource, values, tuple(map(type, values)))
        decision = self._decisions.get(case)
        if decision is None:
            decision, is_lasting = self.policies.judge(request)
            if is_lasting:
                if len(self._decisions) >= self._max_decisions:
                    self._decisions.clear()
                self._decisions[case] = decision
        return decision
