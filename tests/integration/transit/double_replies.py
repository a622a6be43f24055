"""How the double answers: the envelope of every answer, and errors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]


class Reply(NamedTuple):
    """An answer: a status and a JSON body, or none."""

    status: int
    body: Json | None


class RefusedError(Exception):
    """A request ends in an error."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status, errors)
        self.reply = Reply(status, {"errors": list(errors)})


def reply(
    data: Mapping[str, Any] | None = None,
    *,
    auth: Json | None = None,
    warnings: list[str] | None = None,
    status: int = 200,
) -> Reply:
    """Return data, or what a login gave, in the envelope."""
    return Reply(
        status,
        {
            "request_id": str(uuid.uuid4()),
            "lease_id": "",
            "renewable": False,
            "lease_duration": 0,
            "data": data,
            "wrap_info": None,
            "warnings": warnings,
            "auth": auth,
        },
    )


NOTHING = Reply(204, None)


def invalid(text: str) -> RefusedError:
    """Return the refusal of a request that makes no sense."""
    return RefusedError(400, text)


def unsupported() -> RefusedError:
    """Return the refusal of a path that leads nowhere."""
    return RefusedError(404, "1 error occurred:\n\t* unsupported path\n\n")
