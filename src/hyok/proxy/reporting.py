"""What a proxy's process tells of itself, for metrics. Asked every second, never on the path of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hyok.audit.log import AuditLog
from hyok.keymanagers.interface import CallCounting, KeyManager
from hyok.metrics.registry import MetricsRegistry
from hyok.metrics.report import (
    CredentialBirth,
    EncryptionShare,
    ManagerCalls,
    MemberState,
    OpenConnections,
    ProcessReport,
    ProcessState,
)
from hyok.proxy.health import HealthMonitor
from hyok.proxy.keystores import KeyStoreDirectory


class Reporter:
    """Looks at the parts of a proxy."""

    def __init__(
        self,
        *,
        metrics: MetricsRegistry,
        key_stores: KeyStoreDirectory,
        key_managers: Mapping[str, KeyManager],
        health: HealthMonitor,
        audit: AuditLog,
        change_log_age_seconds: Callable[[], float],
        fleet_size: Callable[[], int],
        encryption_shares: Mapping[str, Callable[[], float]] = MappingProxyType({}),
    ) -> None:
        """`encryption_shares` tells, by key manager, how much one version has given out of what it may encrypt."""
        self._metrics = metrics
        self._key_stores = key_stores
        self._key_managers = key_managers
        self._health = health
        self._audit = audit
        self._change_log_age_seconds = change_log_age_seconds
        self._fleet_size = fleet_size
        self._encryption_shares = encryption_shares

    def report(self, open_connections: Mapping[str, int]) -> ProcessReport:
        """Return what was counted since the last report, and how the parts are now.

        `open_connections` are by listener. They are the transport's, which serves only after all else is there.
        """
        return ProcessReport(
            self._metrics.take(),
            ProcessState(
                requests_in_flight=self._metrics.requests_in_flight,
                change_log_age_seconds=self._change_log_age_seconds(),
                is_audit_log_failing=self._audit.is_failing,
                fleet_size=self._fleet_size(),
                members=tuple(
                    MemberState(manager, member.id, member.status.value.lower())
                    for manager, member in self._health.known_members()
                ),
                credentials=tuple(
                    CredentialBirth(key_store.name, credential.access_key_id, credential.created_at)
                    for key_store in self._key_stores.all()
                    for credential in key_store.credentials.values()
                ),
                encryption_shares=tuple(
                    EncryptionShare(manager, share()) for manager, share in self._encryption_shares.items()
                ),
                calls=tuple(
                    ManagerCalls(name, tuple(manager.count_calls()))
                    for name, manager in self._key_managers.items()
                    if isinstance(manager, CallCounting)
                ),
                connections=tuple(OpenConnections(*each) for each in open_connections.items()),
            ),
        )
