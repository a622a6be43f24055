"""What servers said to a change, as commands print it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hyok.cli.output import print_table, say

if TYPE_CHECKING:
    from hyok.administration.acknowledgements import ServerAnswer


def answers_document(answers: Sequence[ServerAnswer]) -> dict[str, object]:
    """Return the members of a JSON document that tell it."""
    from hyok.administration.acknowledgements import Answer

    return {
        "servers": [
            {
                "server": each.server,
                "host": each.host,
                "pid": each.pid,
                "answer": each.answer.value,
                "seconds": round(each.seconds, 3),
            }
            for each in answers
        ],
        "unanswered": [each.server for each in answers if each.answer is Answer.EXPIRED],
    }


def print_answers(answers: Sequence[ServerAnswer]) -> None:
    """Print a table for people, and in sentences whoever did not answer."""
    from hyok.administration.acknowledgements import Answer

    print_table(
        ["SERVER", "ANSWER", "AFTER"],
        [[f"{each.host}, process {each.pid}", each.answer.value, f"{each.seconds:.2f} s"] for each in answers],
        nothing="No server runs on this storage.",
    )
    for each in answers:
        if each.answer is Answer.EXPIRED:
            say(
                f"{each.host}, process {each.pid}, did not answer. It has not been able to read the storage since, or "
                "stands still; its lease has ended, so that it refuses all use of keys until it can read again."
            )
