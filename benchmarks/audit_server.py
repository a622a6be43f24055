"""One worker of the proxy, for measurement: `python -m benchmarks.audit_server CONFIG MODE PORT`.

MODE is on, durable, or off: an audit log that takes records and drops them, which the product does not have.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import hyok.assembly.proxy
from hyok.assembly.proxy_endpoints import check_proxy_tls, proxy_addresses
from hyok.assembly.proxy_worker import Inheritance, run_proxy_worker
from hyok.assembly.sides import unlock_side
from hyok.config.configuration import load_configuration
from hyok.quota_table import QuotaTable
from hyok.storage.schema import Side
from hyok.transport.serving import run
from hyok.transport.sockets import listen


class NoLog:
    """Takes the place of the audit log."""

    is_failing = False

    def reserve(self, _body_bytes: int) -> int:
        """Promise."""
        return 1

    def append(self, _record: object, _promised: int) -> None:
        """Drop."""

    append_unauthenticated = append

    def flush(self) -> None:
        """Do nothing."""

    def recover(self) -> bool:
        """All is well."""
        return True

    def close(self) -> None:
        """Do nothing."""


async def _serve(config: Path, mode: str, port: int) -> None:
    environment = {
        "HYOK__PROXY__LISTEN": f"127.0.0.1:{port}",
        "HYOK__PROXY__WORKERS": "1",
        "HYOK__AUDIT__DURABLE": "true" if mode == "durable" else "false",
        "HYOK__AUDIT__DIRECTORY": str(config.parent / f"audit-{mode}"),
    }
    configuration = load_configuration(config, environment)
    if mode == "off":
        setattr(hyok.assembly.proxy, "open_service_log", lambda *_, **__: NoLog())  # noqa: B010  # for measurement
    holder, settings = configuration.require_holder(), configuration.require_proxy()
    listeners = {name: [listen(address)] for name, address in proxy_addresses(settings).items()}
    safe_key = unlock_side(holder.storage, holder.root_key, Side.HOLDER)
    async with run_proxy_worker(
        configuration, Inheritance(safe_key, check_proxy_tls(settings), listeners, "benchmark", QuotaTable())
    ):
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()


if __name__ == "__main__":
    run(_serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
