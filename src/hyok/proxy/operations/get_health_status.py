"""GetHealthStatus: this proxy, and the key managers behind the key store (XKS API, GetHealthStatus)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from hyok.clock import Deadline
from hyok.proxy.health import HealthMonitor
from hyok.xks.messages import EkmFleetDetail, EkmHealthStatus, GetHealthStatusResponse

_VENDOR: Final = "hyok"


class ProxyIdentity(NamedTuple):
    """What this proxy says of itself."""

    version: str
    fleet_size: Callable[[], int]
    """How many proxies serve the same key stores."""


async def get_health_status(
    identity: ProxyIdentity, monitor: HealthMonitor, key_managers: Collection[str], deadline: Deadline
) -> GetHealthStatusResponse:
    """Answer how the key managers were less than a minute ago."""
    health = await monitor.fleet_health(key_managers, deadline)
    return GetHealthStatusResponse(
        xks_proxy_fleet_size=identity.fleet_size(),
        xks_proxy_vendor=_VENDOR,
        xks_proxy_model=f"hyok-proxy {identity.version}",
        ekm_vendor=health.vendor,
        ekm_fleet_details=tuple(
            EkmFleetDetail(member.id, member.model, EkmHealthStatus(member.status.value)) for member in health.members
        ),
    )
