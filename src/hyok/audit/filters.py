"""Which records somebody wants to see."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

SUCCESS = "success"
FAILURE = "failure"


class RecordFilter(NamedTuple):
    """What a record must be; empty matches everything. `*` and `?` stand for any characters in patterns."""

    principal: str = ""
    """A pattern for the ARN of who asked KMS, or the name of the operator."""
    key: str = ""
    """A pattern for the external key's id, the KMS key's ARN, or what an operator changed."""
    operation: str = ""
    """A pattern for the proxy's operation, KMS's, or an operator's action."""
    result: str = ""
    """`success`, `failure`, or a pattern for the error's name or the decision."""
    request_id: str = ""
    """CloudTrail's."""

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record is wanted."""
        asked = record.get("request_metadata") or {}
        return (
            _is_any(self.principal, asked.get("awsPrincipalArn"), record.get("operator"))
            and _is_any(self.key, record.get("external_key_id"), asked.get("kmsKeyArn"), record.get("subject"))
            and _is_any(self.operation, record.get("operation"), asked.get("kmsOperation"), record.get("action"))
            and self._has_result(record)
            and (not self.request_id or asked.get("kmsRequestId") == self.request_id)
        )

    def _has_result(self, record: Mapping[str, Any]) -> bool:
        if self.result in (SUCCESS, FAILURE):
            return ("error" in record) == (self.result == FAILURE)
        return _is_any(self.result, record.get("error"), record.get("decision"))


def _is_any(pattern: str, *values: Any) -> bool:
    return not pattern or any(isinstance(value, str) and fnmatchcase(value, pattern) for value in values)
