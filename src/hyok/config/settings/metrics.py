"""`[metrics]`: numbers for Prometheus."""

from __future__ import annotations

from typing import Annotated

from hyok.config.settings.base import About, Settings
from hyok.config.values import Address


class MetricsSettings(Settings, frozen=True, kw_only=True):
    """Numbers for Prometheus, over plain HTTP at /metrics. Without this section they are not served."""

    listen: Annotated[Address, About("Where they are served.", '"127.0.0.1:9464"')] = Address("127.0.0.1", 9464)
