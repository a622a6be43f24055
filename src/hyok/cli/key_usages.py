"""What a new key may be used for, as an option."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from hyok.keymanagers.interface import KeyUsage

_USAGES: Final = {"both": ("ENCRYPT", "DECRYPT"), "encrypt": ("ENCRYPT",), "decrypt": ("DECRYPT",)}

usage_option = click.option(
    "--usage",
    type=click.Choice(list(_USAGES)),
    default="both",
    show_default=True,
    help="What it may be used for. AWS KMS makes a KMS key only of one for both.",
)


def usages_of(usage: str) -> frozenset[KeyUsage]:
    """Return the usages that the option names."""
    from hyok.keymanagers.interface import KeyUsage

    return frozenset(KeyUsage[name] for name in _USAGES[usage])
