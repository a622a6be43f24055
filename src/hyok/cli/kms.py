"""`hyok kms`: the KMS service with external key stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hyok.cli.logs import log_to_stderr
from hyok.cli.options import configuration_option, example, read_configuration
from hyok.errors import OperatorError

if TYPE_CHECKING:
    from hyok.config.settings import KmsSettings


@click.group(short_help="The KMS service with external key stores.")
def kms() -> None:
    """The KMS service: the AWS KMS API with external key stores, for unmodified SDKs."""


@kms.command(epilog=example("hyok kms serve --config /etc/hyok-kms/hyok.toml"))
@configuration_option
def serve() -> None:
    """Serve until SIGTERM or Ctrl-C. Callers sign with the credentials of principals: see `hyok principal`."""
    configuration = read_configuration()
    _check_reach(configuration.require_kms())
    from hyok.assembly.kms import serve_kms

    log_to_stderr()
    serve_kms(configuration)


def _check_reach(settings: KmsSettings) -> None:
    """Refuse to let others in unseen or unchecked."""
    if settings.listen.is_loopback:
        return
    if settings.certificate is None:
        raise OperatorError(
            f"kms.listen is {settings.listen}, which others can reach, and plaintext data keys would cross the network "
            "unencrypted; set kms.certificate and kms.private_key, or listen on loopback, for example 127.0.0.1:4580"
        )
    if settings.signatures != "verify":
        raise OperatorError(
            f'kms.listen is {settings.listen}, which others can reach, and kms.signatures is "{settings.signatures}", '
            'so that everybody may do everything; set kms.signatures = "verify", or listen on loopback, for example '
            "127.0.0.1:4580"
        )
