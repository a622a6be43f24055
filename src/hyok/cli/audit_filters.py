"""Which records `hyok audit show` and `hyok audit export` give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

CommandT = TypeVar("CommandT", bound=Callable[..., object])

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def filter_options(command: CommandT) -> CommandT:
    """Add the filters as the parameters `since`, `until`, `principal`, `key`, `operation`, `result`, `request_id`."""
    options = (
        click.option("--since", type=TimeType(), metavar="TIME", help="From then on: 2026-11-24T10:00Z, or 2h ago."),
        click.option("--until", type=TimeType(), metavar="TIME", help="Before then."),
        click.option("--principal", default="", metavar="ARN", help="Who asked; * and ? stand for any characters."),
        click.option(
            "--key", "key_pattern", default="", metavar="KEY", help="External key id or KMS key ARN, as well."
        ),
        click.option("--operation", default="", metavar="NAME", help="The proxy's or KMS's operation, or an action."),
        click.option("--result", default="", metavar="RESULT", help="success, failure, or an error's name."),
        click.option("--request-id", default="", metavar="ID", help="CloudTrail's requestID."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class TimeType(click.ParamType[datetime]):
    """An instant, or how long ago: `90s`, `5m`, `2h`, `7d`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it; without a zone it is UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value)
        if text[:-1].isdecimal() and text[-1:] in _UNITS:
            return datetime.now(UTC) - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no time; write 2026-11-24T10:00Z, or 90s, 5m, 2h or 7d ago", param, ctx)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
