"""`hyok proxy`: the external key store proxy."""

from __future__ import annotations

import sys
from typing import Final

import click

from hyok.cli.logs import log_to_stderr
from hyok.cli.options import configuration_option, example, read_configuration

WORKER: Final = (sys.executable, "-P", "-m", "hyok", "proxy", "work")
"""-P: no module is looked for in the working directory, where somebody else may have put one."""


@click.group(short_help="The external key store proxy.")
def proxy() -> None:
    """The external key store proxy: answers AWS KMS and asks the key managers."""


@proxy.command(epilog=example("hyok proxy serve --config /etc/hyok/hyok.toml"))
@configuration_option
def serve() -> None:
    """Serve until SIGTERM or Ctrl-C. SIGHUP loads configuration and certificates anew."""
    configuration = read_configuration()
    configuration.require_holder()
    configuration.require_proxy()
    from hyok.supervisor.parent import supervise

    log_to_stderr()
    supervise(configuration, worker_command=WORKER)


@proxy.command(hidden=True)
@click.argument("descriptor", type=int)
def work(descriptor: int) -> int:
    """Serve as one of the processes that `hyok proxy serve` starts; of no use by itself."""
    from hyok.supervisor.worker import work as serve_as_worker

    log_to_stderr()
    return serve_as_worker(descriptor)
