"""`[proxy.limits]`: what of a client a worker bears."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyok.assembly.proxy_endpoints import proxy_limits
from hyok.errors import OperatorError
from hyok.transport.limits import Limits
from tests.unit.config.files import HOLDER, load


def test_the_defaults_are_the_transports_own(tmp_path: Path) -> None:
    assert proxy_limits(load(tmp_path, HOLDER).require_proxy()) == Limits()


def test_each_limit_arrives_at_the_transport(tmp_path: Path) -> None:
    wanted = {
        "head_bytes": 4096,
        "body_bytes": 65_536,
        "connections": 1,
        "connections_per_address": 2,
        "requests_per_connection": 3,
        "handshake_seconds": 0.1,
        "head_seconds": 4,
        "message_seconds": 5.5,
        "idle_seconds": 86_400.0,
    }
    lines = "\n".join(f"{name} = {value}" for name, value in wanted.items())
    limits = proxy_limits(load(tmp_path, f"{HOLDER}\n[proxy.limits]\n{lines}\n").require_proxy())
    assert {name: getattr(limits, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("idle_seconds = 0", "the number 0"),
        ("idle_seconds = nan", "a number of absurd size"),
        ("idle_seconds = inf", "a number of absurd size"),
        ("idle_seconds = true", "true"),
        ('idle_seconds = "5s"', '"5s"'),
        ("idle_seconds = 86401", "the number 86401"),
    ],
)
def test_a_time_that_is_none_is_refused(tmp_path: Path, line: str, found: str) -> None:
    with pytest.raises(OperatorError, match=r"proxy\.limits\.idle_seconds") as raised:
        load(tmp_path, f"{HOLDER}\n[proxy.limits]\n{line}\n")
    assert f"is {found}; allowed is a number from 0.1 to 86400" in str(raised.value)


@pytest.mark.parametrize("line", ["body_bytes = 65535", "head_bytes = 65537", "connections = 0", "body_bytes = 1e5"])
def test_a_size_out_of_bounds_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(OperatorError, match="allowed is a whole number from"):
        load(tmp_path, f"{HOLDER}\n[proxy.limits]\n{line}\n")
