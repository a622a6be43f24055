"""`hyok dev` as a process of a test suite's own: KMS, proxy and key manager on free ports, gone with the suite.

    with dev_server() as hyok:
        kms = boto3.client("kms", **hyok.client_settings)
        kms.generate_data_key(KeyId=hyok.key_alias, KeySpec="AES_256")

With pytest, take the fixture `hyok_dev` instead, which `hyok.testing.pytest_plugin` brings.
"""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

START_SECONDS: Final = 60.0
"""A loaded CI machine takes a few; what takes longer than this has failed."""
STOP_SECONDS: Final = 20.0


class DevServerError(RuntimeError):
    """`hyok dev` did not start, or a command given to it failed; the text ends with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevServer:
    """A running `hyok dev`, with a KMS key in a connected external key store."""

    endpoint: str
    """The KMS (and STS GetCallerIdentity) without TLS. It takes any credentials."""
    tls_endpoint: str
    """The same over TLS, with a certificate of `ca_bundle`."""
    ca_bundle: Path
    region: str
    account: str
    key_arn: str
    key_alias: str
    xks_key_id: str
    """The external key behind the KMS key, as the key store's proxy knows it."""
    custom_key_store_id: str
    data: Path
    """Where both sides keep what they have; deleted at the end, unless it was named with `--data`."""
    ready_line: Mapping[str, Any] = field(repr=False)
    """All that `hyok dev --output json` printed, the proxy's address and credential among it."""

    @property
    def client_settings(self) -> dict[str, Any]:
        """Arguments for `boto3.client("kms", **settings)`, and for "sts"."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead any AWS SDK or tool to this KMS, and leave its other services alone."""
        return {
            "AWS_ENDPOINT_URL_KMS": self.endpoint,
            "AWS_ENDPOINT_URL_STS": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def hyok(self, *arguments: str) -> str:
        """Run a command of the key holder's, such as `key disable dev-key --yes`, and return what it prints.

        The running proxy obeys within a second. DevServerError if the command fails.
        """
        command = [*_HYOK, "--config", str(self.data / "holder/hyok.toml"), *arguments]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            raise DevServerError(f"'hyok {' '.join(arguments)}' failed: {finished.stderr.strip()}")
        return finished.stdout


_HYOK: Final = (sys.executable, "-m", "hyok")


@contextmanager
def dev_server(*options: str) -> Iterator[DevServer]:
    """Run `hyok dev` on free ports for the length of the block; `options` are added to its command line.

    It ends with this process too, should that be killed. DevServerError if it does not start within 60 seconds.
    """
    command = [*_HYOK, "dev", "--output", "json", "--port-base", "0", "--exit-with-parent", *options]
    with tempfile.TemporaryFile() as errors:
        # A session of its own: Ctrl-C in a debugger is for the tests, not for the server under them.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        ready: DevServer | None = None
        try:
            ready = _await_ready(process, errors)
            yield ready
        finally:
            _stop(process, ready)


def _await_ready(process: subprocess.Popen[bytes], errors: IO[bytes]) -> DevServer:
    assert process.stdout is not None
    is_ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if is_ready else b""
    if not line:
        process.kill()
        process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
        what = "ended before it was ready" if is_ready else f"was not ready within {START_SECONDS:.0f} seconds"
        raise DevServerError(f"'hyok dev' {what}: {said or 'it said nothing'}")
    return _described(json.loads(line))


def _described(ready: Mapping[str, Any]) -> DevServer:
    kms, key = ready["kms"], ready["key"]
    return DevServer(
        endpoint=kms["endpoint"],
        tls_endpoint=kms["tls_endpoint"],
        ca_bundle=Path(ready["ca_bundle"]),
        region=kms["region"],
        account=kms["account"],
        key_arn=key["arn"],
        key_alias=key["alias"],
        xks_key_id=key["xks_key_id"],
        custom_key_store_id=ready["custom_key_store"]["id"],
        data=Path(ready["data"]),
        ready_line=ready,
    )


def _stop(process: subprocess.Popen[bytes], ready: DevServer | None) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        if ready is not None and ready.data.name.startswith("hyok-dev-"):
            shutil.rmtree(ready.data, ignore_errors=True)
    if process.stdout is not None:
        process.stdout.close()
