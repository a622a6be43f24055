"""One run of `hyok dev`: start both sides, walk through, serve until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, Final

import botocore.config
import botocore.session
import msgspec

from hyok.dev.narration import Narrator
from hyok.dev.running import Ports, run_stack
from hyok.dev.sides import EXTERNAL_KEY, prepare
from hyok.dev.stack import DevStack
from hyok.dev.walkthrough import ALIAS, STORE_NAME, Walkthrough
from hyok.transport.serving import run

_PARENT_CHECK_SECONDS: Final = 0.5


class DevOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `hyok dev` was asked for."""

    data: Path
    is_temporary: bool
    """Whether `data` is deleted at the end."""
    ports: Ports
    is_once: bool
    """End after the walk-through."""
    is_json: bool
    """Print one line of JSON when ready instead of the walk-through; with `is_once`, after it was walked silently."""
    events: Path | None
    """Where KMS records its calls as CloudTrail would; None for nowhere but what the configuration says."""
    ends_with_parent: bool
    """End when the process that started this one has ended."""


def run_dev(options: DevOptions) -> None:
    """Run `hyok dev`. OperatorError if it cannot start, NotDoneError if the walk-through finds a fault."""
    run(_run(options))


async def _run(options: DevOptions) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    parent = asyncio.create_task(_stop_with_parent(stopped)) if options.ends_with_parent else None
    narrator = Narrator(is_silent=options.is_json)
    sides = await asyncio.to_thread(prepare, options.data)
    async with run_stack(sides, options.data, options.ports, events=options.events) as stack:
        # The SDK blocks, so it walks in a thread of its own.
        walk = asyncio.create_task(asyncio.to_thread(_walk, stack, narrator, options))
        stop = asyncio.create_task(stopped.wait())
        await asyncio.wait((walk, stop), return_when=asyncio.FIRST_COMPLETED)
        if not stopped.is_set() and not options.is_once and walk.exception() is None:
            await stop
        stop.cancel()
        if parent is not None:
            parent.cancel()
        # Interrupted in the middle, the walk ends by itself: its servers are gone.
        if walk.done():
            walk.result()


async def _stop_with_parent(stopped: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110  # the kernel tells of it in no other way that a loop could await
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
    stopped.set()


def _walk(stack: DevStack, narrator: Narrator, options: DevOptions) -> None:
    walkthrough = Walkthrough(stack, make_client(stack), narrator)
    walkthrough.connect_and_create()
    if options.is_json and not options.is_once:
        print(_ready_line(stack, walkthrough), flush=True)
        return
    walkthrough.protect_and_withdraw()
    if options.is_json:
        print(_ready_line(stack, walkthrough), flush=True)
    elif not options.is_once:
        _tell_how_to_go_on(stack, narrator, options)


def make_client(stack: DevStack) -> Any:
    """Make an unmodified KMS client of the AWS SDK, which knows nothing but the endpoint."""
    session = botocore.session.Session()
    session.set_credentials("hyokdev", "any-secret-will-do")
    return session.create_client(
        "kms",
        region_name=stack.region,
        endpoint_url=stack.kms_endpoint,
        # Where the KMS has quotas, the walk waits for them as any client does.
        config=botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 8}),
    )


def _ready_line(stack: DevStack, walkthrough: Walkthrough) -> str:
    document = {
        "kms": {
            "endpoint": stack.kms_endpoint,
            "tls_endpoint": stack.kms_tls_endpoint,
            "region": stack.region,
            "account": stack.account,
        },
        "key": {"arn": walkthrough.key_arn, "alias": ALIAS, "xks_key_id": EXTERNAL_KEY},
        "custom_key_store": {"id": walkthrough.store_id, "name": STORE_NAME},
        "proxy": {
            "uri_endpoint": stack.proxy_uri_endpoint,
            "address": stack.proxy_address,
            "uri_path": stack.key_store.uri_path,
            "access_key_id": stack.credential.access_key_id,
            "secret_access_key": stack.credential.secret_access_key.reveal().decode("ascii"),
        },
        "ca_bundle": str(stack.ca_bundle),
        "data": str(stack.data),
    }
    return msgspec.json.encode(document).decode()


def _tell_how_to_go_on(stack: DevStack, narrator: Narrator, options: DevOptions) -> None:
    narrator.step("Yours to use, with any AWS client")
    narrator.paste(
        f"export AWS_ENDPOINT_URL={stack.kms_endpoint} AWS_DEFAULT_REGION={stack.region}\n"
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n"
        f"aws kms generate-data-key --key-id {ALIAS} --key-spec AES_256\n"
    )
    narrator.paste(
        f'\nimport boto3\nkms = boto3.client("kms", endpoint_url="{stack.kms_endpoint}", '
        f'region_name="{stack.region}",\n                   aws_access_key_id="test", aws_secret_access_key="test")\n'
        f'kms.encrypt(KeyId="{ALIAS}", Plaintext=b"attack at dawn")\n'
    )
    narrator.paste(
        f"\nexport HYOK_CONFIG={stack.data / 'holder/hyok.toml'}\n"
        f"hyok key disable {EXTERNAL_KEY}      # and watch Decrypt fail"
    )
    kept = "is deleted then" if options.is_temporary else "stays"
    narrator.step(f"Serving until Ctrl-C; {stack.data} {kept}")
