"""The side of the trust line that a command about storage and root key is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hyok.cli.options import copy_records, read_author, read_configuration

if TYPE_CHECKING:
    from hyok.assembly.anchors import AnchoredStorage
    from hyok.assembly.root_keys import RootKeyChange, SideSettings

kms_option = click.option("--kms", is_flag=True, help="The KMS's side; the holder's if left out.")


def chosen_side(*, kms: bool) -> SideSettings:
    """Return the settings of the side. OperatorError if the configuration has not that side."""
    from hyok.assembly.root_keys import side_settings
    from hyok.storage.schema import Side

    return side_settings(read_configuration(), Side.KMS if kms else Side.HOLDER)


@contextmanager
def changing_root_key(*, kms: bool) -> Iterator[RootKeyChange]:
    """Open a side's storage for a command that changes its root key, in the name of its operator."""
    from hyok.assembly.root_keys import opened_for_change

    with opened_for_change(chosen_side(kms=kms), read_author()) as change, _copied(change):
        yield change


@contextmanager
def changing_anchor(*, kms: bool) -> Iterator[AnchoredStorage]:
    """Open a side's storage for a command that changes its anchor, in the name of its operator."""
    from hyok.assembly.anchors import opened_beside_anchor

    with opened_beside_anchor(chosen_side(kms=kms), read_author()) as anchored, _copied(anchored):
        yield anchored


@contextmanager
def _copied(change: RootKeyChange | AnchoredStorage) -> Iterator[None]:
    try:
        yield
    finally:
        copy_records(read_configuration(), change.recorded)
