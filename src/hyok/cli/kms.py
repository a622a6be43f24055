"""`hyok kms`: the KMS service with external key stores."""

from __future__ import annotations

import click

from hyok.cli.logs import log_to_stderr
from hyok.cli.options import configuration_option, example, read_configuration
from hyok.errors import OperatorError


@click.group(short_help="The KMS service with external key stores.")
def kms() -> None:
    """The KMS service: the AWS KMS API with external key stores, for unmodified SDKs."""


@kms.command(epilog=example("hyok kms serve --config /etc/hyok-kms/hyok.toml"))
@configuration_option
def serve() -> None:
    """Serve until SIGTERM or Ctrl-C; on loopback only, because callers' signatures are not checked yet."""
    configuration = read_configuration()
    listen = configuration.require_kms().listen
    if not listen.is_loopback:
        raise OperatorError(
            f"kms.listen is {listen}, which others can reach, and the KMS does not check who calls it yet; listen on "
            "loopback, for example 127.0.0.1:4580"
        )
    from hyok.assembly import serve_kms

    log_to_stderr()
    serve_kms(configuration)
