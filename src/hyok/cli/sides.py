"""The side of the trust line that a command about storage and root key is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hyok.cli.options import read_configuration

if TYPE_CHECKING:
    from hyok.assembly.root_keys import SideSettings

kms_option = click.option("--kms", is_flag=True, help="The KMS's side; the holder's if left out.")


def chosen_side(*, kms: bool) -> SideSettings:
    """Return the settings of the side. OperatorError if the configuration has not that side."""
    from hyok.assembly.root_keys import side_settings
    from hyok.storage.schema import Side

    return side_settings(read_configuration(), Side.KMS if kms else Side.HOLDER)
