"""`hyok dev`: the whole stack on loopback, and the walk-through."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from hyok.cli.options import OutputFormat, example, output_option

_DEFAULT_KMS_PORT = 4580
_DEFAULT_PROXY_PORT = 8443


@click.command(
    short_help="The whole stack on loopback, and a walk-through.",
    epilog=example("hyok dev", "hyok dev --once", "hyok dev --data ./hyok-dev --output json"),
)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Keep everything here for the next start.")
@click.option("--once", is_flag=True, help="End after the walk-through.")
@click.option(
    "--port-base",
    type=click.IntRange(0, 65533),
    metavar="PORT",
    help="KMS on this port, KMS over TLS and the proxy on the next two; 0 takes free ports. "
    f"[default: KMS {_DEFAULT_KMS_PORT} and {_DEFAULT_KMS_PORT + 1}, proxy {_DEFAULT_PROXY_PORT}]",
)
@click.option(
    "--events",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Record every call to KMS here, as AWS CloudTrail would.",
)
@click.option(
    "--exit-with-parent", is_flag=True, help="End when the process that started it has ended: for test runners."
)
@output_option
def dev(
    data: Path | None,
    once: bool,
    port_base: int | None,
    events: Path | None,
    exit_with_parent: bool,
    output: OutputFormat,
) -> None:
    """Start key manager, proxy and KMS on loopback, walk through an object protected with a key you hold, and serve.

    With `--output json` it prints one line when it is ready, and no walk-through. Its KMS takes any AWS credentials.
    """
    from hyok.dev.running import Ports
    from hyok.dev.session import DevOptions, run_dev

    if port_base is None:
        ports = Ports(_DEFAULT_KMS_PORT, _DEFAULT_KMS_PORT + 1, _DEFAULT_PROXY_PORT)
    elif port_base == 0:
        ports = Ports(0, 0, 0)
    else:
        ports = Ports(port_base, port_base + 1, port_base + 2)

    def start(directory: Path, *, is_temporary: bool) -> None:
        run_dev(
            DevOptions(
                data=directory.absolute(),
                is_temporary=is_temporary,
                ports=ports,
                is_once=once,
                events=None if events is None else events.absolute(),
                is_json=output is OutputFormat.JSON,
                ends_with_parent=exit_with_parent,
            )
        )

    if data is not None:
        start(data, is_temporary=False)
        return
    with tempfile.TemporaryDirectory(prefix="hyok-dev-") as directory:
        start(Path(directory), is_temporary=True)
