"""What a parent holds for its workers, and how it starts one: unlocked keys, open sockets, an environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

from hyok.config.configuration import Configuration
from hyok.config.root_sources import names_variable
from hyok.custody.safe import SafeKey
from hyok.quota_table import make_shared_memory
from hyok.supervisor import systemd
from hyok.supervisor.messages import Orders
from hyok.supervisor.worker_process import WorkerProcess, start_worker
from hyok.transport.reloading import CheckedTls

OPENSSL_CONFIGURATION: Final = "OPENSSL_CONF"
STRICT_TLS: Final = Path(__file__).with_name("strict_tls.cnf")


class Generation:
    """What the workers of one generation have in common."""

    def __init__(self, configuration: Configuration, tls: CheckedTls) -> None:
        self.configuration = configuration
        self.tls = tls
        """Replaced in place when its files change."""

    @property
    def workers(self) -> int:
        """How many are to serve."""
        return self.configuration.require_proxy().workers


class Launcher:
    """Starts workers."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        safe_key: SafeKey,
        listeners: Mapping[str, Sequence[socket.socket]],
        environment: Mapping[str, str],
    ) -> None:
        self._command = command
        self._safe_key = safe_key
        self._listeners = listeners
        self._environment = environment
        self._instance = uuid4().hex
        self._quotas = make_shared_memory()

    async def launch(self, generation: Generation) -> WorkerProcess:
        """Start a worker of this generation. OSError if the system refuses."""
        file = generation.configuration.file
        orders = Orders(
            configuration=generation.configuration.content,
            configuration_file=None if file is None else str(file),
            safe_key=self._safe_key,
            tls=generation.tls,
            listeners={name: tuple(each.fileno() for each in group) for name, group in self._listeners.items()},
            instance=self._instance,
            quotas=self._quotas.fileno(),
        )
        return await start_worker(
            self._command,
            orders,
            [self._quotas.fileno(), *(each.fileno() for group in self._listeners.values() for each in group)],
            environment=workers_environment(self._environment, generation.configuration),
        )

    def close(self) -> None:
        """Close this process's listening sockets; those of its workers, and systemd's, stay open."""
        self._quotas.close()
        for group in self._listeners.values():
            for listener in group:
                listener.close()


def workers_environment(environment: Mapping[str, str], configuration: Configuration) -> dict[str, str]:
    """Return the variables that a worker gets: not those meant for its parent, and not the root key."""
    withheld = set(systemd.VARIABLES)
    variable = names_variable(configuration.require_holder().root_key.source)
    if variable is not None:
        withheld.add(variable)
    variables = {name: value for name, value in environment.items() if name not in withheld}
    if configuration.require_proxy().tls_suites == "strict":
        # An operator's own file stays; the worker looks whether it says the same.
        variables.setdefault(OPENSSL_CONFIGURATION, str(STRICT_TLS))
    return variables
