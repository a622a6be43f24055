"""`hyok proxy`: the external key store proxy."""

from __future__ import annotations

import click

from hyok.cli.logs import log_to_stderr
from hyok.cli.options import configuration_option, example, read_configuration


@click.group(short_help="The external key store proxy.")
def proxy() -> None:
    """The external key store proxy: answers AWS KMS and asks the key managers."""


@proxy.command(epilog=example("hyok proxy serve --config /etc/hyok/hyok.toml"))
@configuration_option
def serve() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    configuration = read_configuration()
    configuration.require_holder()
    configuration.require_proxy()
    from hyok.assembly import serve_proxy

    log_to_stderr()
    serve_proxy(configuration)
