"""`hyok audit`: the trail of who used and who changed what."""

from __future__ import annotations

import click

from hyok.cli.audit_checkpoints import checkpoint, key
from hyok.cli.audit_export import export
from hyok.cli.audit_prove import prove
from hyok.cli.audit_reconcile import reconcile
from hyok.cli.audit_show import show
from hyok.cli.audit_verify import verify


@click.group(short_help="The trail of who used and who changed what.")
def audit() -> None:
    """The trail of who used and who changed what: read it, verify it, prove it to others."""


for _command in (show, verify, checkpoint, key, prove, export, reconcile):
    audit.add_command(_command)
