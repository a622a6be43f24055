"""The fixture `hyok_dev` as another project's test suite uses it: in a pytest of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hyok.testing.dev_server import DevServerError, dev_server

pytest_plugins = ["pytester"]

FIRST = """
import boto3, json, pathlib

def test_a_data_key_is_protected(hyok_dev):
    kms = boto3.client("kms", **hyok_dev.client_settings)
    key = kms.generate_data_key(KeyId=hyok_dev.key_alias, KeySpec="AES_256")
    assert kms.decrypt(CiphertextBlob=key["CiphertextBlob"])["Plaintext"] == key["Plaintext"]
    assert key["KeyId"] == hyok_dev.key_arn
    assert boto3.client("sts", **hyok_dev.client_settings).get_caller_identity()["Account"] == hyok_dev.account
    pathlib.Path("first.json").write_text(json.dumps([hyok_dev.endpoint, str(hyok_dev.data)]))

def test_the_tls_endpoint_is_trusted(hyok_dev):
    settings = hyok_dev.client_settings | {"endpoint_url": hyok_dev.tls_endpoint, "verify": str(hyok_dev.ca_bundle)}
    assert boto3.client("kms", **settings).describe_key(KeyId=hyok_dev.key_arn)["KeyMetadata"]["Enabled"]
"""
SECOND = """
import json, os, pathlib, subprocess, sys

def test_the_server_is_the_same(hyok_dev):
    assert json.loads(pathlib.Path("first.json").read_text())[0] == hyok_dev.endpoint

def test_a_tool_finds_it_by_its_environment(hyok_dev):
    command = [pathlib.Path(sys.executable).with_name("aws"), "kms", "list-aliases", "--output", "json"]
    listed = subprocess.run(command, env=os.environ | hyok_dev.environment, capture_output=True, check=True)
    assert json.loads(listed.stdout)["Aliases"][0]["AliasName"] == hyok_dev.key_alias

def test_the_holder_can_withdraw_the_key(hyok_dev):
    import boto3, pytest, time
    kms = boto3.client("kms", **hyok_dev.client_settings)
    hyok_dev.hyok("key", "disable", hyok_dev.xks_key_id, "--yes")
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        for _ in range(100):  # within a second, unless the machine is busy
            kms.encrypt(KeyId=hyok_dev.key_alias, Plaintext=b"x")
            time.sleep(0.1)
    assert "SECRET" not in repr(hyok_dev).upper()
"""


def is_open(endpoint: str) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", urlsplit(endpoint).port or 0), timeout=1).close()
        return True
    return False


def test_a_suite_shares_one_server_which_is_gone_afterwards(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_first=FIRST, test_second=SECOND)
    pytester.runpytest_subprocess().assert_outcomes(passed=5)
    endpoint, data = json.loads((pytester.path / "first.json").read_text())
    assert not is_open(endpoint)
    assert not Path(data).exists()


def test_options_are_given_in_a_conftest(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        @pytest.fixture(scope="session")
        def hyok_dev_options(tmp_path_factory):
            return ("--data", str(tmp_path_factory.getbasetemp() / "kept"))
    """)
    pytester.makepyfile("def test_it(hyok_dev): assert hyok_dev.data.name == 'kept'")
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_server_ends_with_the_suite_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import time; from hyok.testing.dev_server import dev_server\n"
        "with dev_server() as hyok: print(hyok.endpoint, hyok.data, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as suite:
        assert suite.stdout is not None
        endpoint, data = suite.stdout.readline().split()
        os.kill(suite.pid, signal.SIGKILL)
    for _ in range(300):
        if not Path(data).exists():
            break
        time.sleep(0.1)
    assert not Path(data).exists()
    assert not is_open(endpoint)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(DevServerError, match=r"'hyok dev' ended before it was ready: .*file"),
        dev_server("--data", str(tmp_path / "file")),
    ):
        pass


def test_a_command_that_fails_says_why() -> None:
    with dev_server() as hyok, pytest.raises(DevServerError, match=r"'hyok key show nobody' failed: .*nobody"):
        hyok.hyok("key", "show", "nobody")


def test_the_two_lines_of_the_documentation_start_it(tmp_path: Path) -> None:
    documentation = (Path(__file__).parents[3] / "docs/kms.md").read_text()
    lines = documentation.partition("```bash\n")[2].partition("```")[0]
    script = lines.replace("hyok dev", "hyok dev --port-base 0") + "cat hyok.json; kill %1; wait %1"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    finished = subprocess.run(
        ["bash", "-mc", script], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["key"]["alias"] == "alias/hyok-dev"
