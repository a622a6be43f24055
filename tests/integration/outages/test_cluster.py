"""A cluster of two tokens with the same key, as an operator sets it up; one is lost under load and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.machine import free_port
from hyok.keymanagers.pkcs11.modules import Modules
from tests.integration.outages.round_trips import RIGHT, round_trips
from tests.integration.pkcs11.softhsm import PIN, SOFTHSM, SoftHsm, import_key
from tests.integration.spec.running import HYOK, RunningProxy, hyok, running_proxy
from tests.integration.spec.wire import eventually

CONFIGURATION = f"""
[key_managers.hsm-a]
kind = "pkcs11"
module = "{SOFTHSM}"
token = {{ label = "north" }}
pin = "file:hsm-pin"
preset = "softhsm"

[key_managers.hsm-b]
kind = "pkcs11"
module = "{SOFTHSM}"
token = {{ label = "south" }}
pin = "file:hsm-pin"
preset = "softhsm"

[key_managers.hsms]
kind = "cluster"
members = ["hsm-a", "hsm-b"]
"""
KEY = "payroll"


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    directory = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as environment:
        hsm = SoftHsm(directory, environment)
        material = os.urandom(32)
        for label in ("north", "south"):
            import_key(Modules().open(SOFTHSM), hsm.make_token(label), label=KEY, material=material)
        yield hsm


def configure(directory: Path) -> None:
    (directory / "hsm-pin").write_bytes(PIN)
    (directory / "hsm-pin").chmod(0o600)
    with (directory / "hyok.toml").open("a") as file:
        file.write(CONFIGURATION)
    config = str(directory / "hyok.toml")
    hyok("key", "add", KEY, "--keystore", "main", "--key-manager", "hsms", "--config", config, "--output", "json")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, hsm: SoftHsm) -> Iterator[RunningProxy]:
    with running_proxy(tmp_path_factory.mktemp("cluster") / "holder", configure=configure) as running:
        yield running


def states(proxy: RunningProxy) -> dict[str, str]:
    with proxy.connect() as client:
        members = client.check_health().content["ekmFleetDetails"]
    return {member["id"]: member["healthStatus"] for member in members if member["id"].startswith("hsm-")}


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_a_token_that_is_lost_under_load_fails_no_request(proxy: RunningProxy, hsm: SoftHsm) -> None:
    away = hsm.tokens.parent / "a-is-away"
    with round_trips(proxy, KEY) as load:
        place = hsm.directory_of("north")
        place.rename(away)
        assert load.during("one is out", 2.0) == {RIGHT}
        away.rename(place)
        assert load.during("back", 1.5) == {RIGHT}
    assert not load.of("between").keys() - {RIGHT}
    assert load.of("one is out")[RIGHT] > 50


def test_health_tells_which_member_is_out(proxy: RunningProxy, hsm: SoftHsm, tmp_path: Path) -> None:
    assert states(proxy) == {"hsm-a": "ACTIVE", "hsm-b": "ACTIVE"}
    away = hsm.tokens.parent / "b-is-away"

    place = hsm.directory_of("south")

    def configure_and_lose(directory: Path) -> None:
        configure(directory)
        place.rename(away)

    port = free_port()
    settings = {"HYOK__METRICS__LISTEN": f"127.0.0.1:{port}"}
    try:
        with running_proxy(tmp_path / "holder", settings, configure=configure_and_lose) as without_b:
            assert states(without_b) == {"hsm-a": "ACTIVE", "hsm-b": "UNAVAILABLE"}
            with without_b.connect() as client:
                assert client.encrypt(KEY).status == 200
            degraded = 'hyok_proxy_key_manager_health{key_manager="hsms",state="degraded"} 1'
            eventually(lambda: degraded in metrics(port))
    finally:
        away.rename(place)


def test_commands_change_a_key_in_every_member(proxy: RunningProxy) -> None:
    of_cluster = ("--key-manager", "hsms")
    proxy.hyok("key", "disable", KEY, "--yes", *of_cluster)
    try:
        for member in ("hsm-a", "hsm-b"):
            assert proxy.hyok("key", "show", KEY, "--key-manager", member)["key"]["state"] == "disabled"
    finally:
        assert proxy.hyok("key", "enable", KEY, *of_cluster)["key"]["state"] == "enabled"


def test_a_key_that_the_others_do_not_get_is_neither_rotated_nor_offered(proxy: RunningProxy) -> None:
    config = ("--config", str(proxy.directory / "hyok.toml"), "--key-manager", "hsms")
    rotated = subprocess.run([HYOK, "key", "rotate", KEY, *config], capture_output=True, text=True)
    assert rotated.returncode == 1
    assert "do not replicate" in rotated.stderr
    made = subprocess.run([HYOK, "key", "create", "new", "--keystore", "main", *config], capture_output=True, text=True)
    assert made.returncode == 1
    assert "key new is made in hsm-a, but not in hsm-b" in made.stderr
    listed = proxy.hyok("key", "list", "--keystore", "main")["keys"]
    assert "new" not in json.dumps(listed)


def test_keys_are_listed_while_a_key_manager_is_out(proxy: RunningProxy, hsm: SoftHsm) -> None:
    place, away = hsm.directory_of("north"), hsm.tokens.parent / "a-is-away"
    place.rename(away)
    try:
        command = [str(HYOK), "key", "list", "--output", "json", "--config", str(proxy.directory / "hyok.toml")]
        listed = subprocess.run(command, capture_output=True, text=True)
        assert listed.returncode == 0, listed.stderr
        assert "Key manager hsm-a: the keys cannot be listed" in listed.stderr
        states = {key["key_manager"]: key["state"] for key in json.loads(listed.stdout)["keys"] if key["key_id"] == KEY}
        assert states == {"hsm-b": "enabled", "hsms": "enabled"}
        one = subprocess.run([*command, "--key-manager", "hsm-a"], capture_output=True, text=True)
        assert one.returncode == 1
    finally:
        away.rename(place)
