"""A whole proxy whose keys are in Transit, asked as AWS KMS asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hyok.clock import deadline_in
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.steps import Begun
from tests.integration.transit.managers import least_login, managing, new_key, run, setup_of
from tests.integration.transit.servers import Server
from tests.unit.proxy.stage import (
    ALPHA_SIGNER,
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    error_of,
    from_base64,
    health_request,
    make_key_store,
    metadata_request,
)


@asynccontextmanager
async def staged(server: Server, directory: Path, *keys: str) -> AsyncIterator[Stage]:
    """A proxy that offers these keys."""
    async with managing(setup_of(server, least_login(server, keys), health_key=keys[0])) as manager:
        stage = Stage(manager, directory / "audit")
        stage.key_stores.replace({"alpha": make_key_store("alpha", (ALPHA_SIGNER,), keys)})
        try:
            yield stage
        finally:
            stage.close()


async def ask(stage: Stage, request: HttpRequest) -> HttpResponse:
    """Answer as the transport does: from a callback of the loop, in a task from the first wait on."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[asyncio.Task[HttpResponse] | HttpResponse] = loop.create_future()
    request.deadline = deadline_in(10)

    def begin() -> None:
        work = stage.service.answer(request)
        try:
            waiting_for = work.send(None)
        except StopIteration as end:
            answered.set_result(end.value)
        else:
            answered.set_result(loop.create_task(Begun(work, waiting_for)))

    loop.call_soon(begin)
    answer = await answered
    return answer if isinstance(answer, HttpResponse) else await answer


def test_a_data_key_goes_there_and_comes_back(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        key = new_key(server)
        async with staged(server, tmp_path, key) as stage:
            described = content_of(await ask(stage, metadata_request(key_id=key)))
            assert described == {"keySpec": "AES_256", "keyUsage": ["DECRYPT", "ENCRYPT"], "keyStatus": "ENABLED"}
            encrypted = content_of(await ask(stage, encrypt_request(key_id=key, plaintext=b"a data key")))
            assert from_base64(encrypted["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x01"
            assert len(from_base64(encrypted["ciphertextDataIntegrityValue"])) == 32
            decrypted = content_of(await ask(stage, decrypt_request(encrypted, key_id=key)))
            assert from_base64(decrypted["plaintext"]) == b"a data key"
            wrong = await ask(stage, decrypt_request(encrypted, key_id=key, aad=b"project=danube"))
            assert error_of(wrong) == (400, "InvalidCiphertextException")

    run(check())


def test_a_rotation_between_question_and_use_goes_unnoticed(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        key = new_key(server)
        async with staged(server, tmp_path, key) as stage:
            before = content_of(await ask(stage, encrypt_request(key_id=key)))
            server.do("POST", f"transit/keys/{key}/rotate", {})
            server.do("POST", f"transit/keys/{key}/config", {"min_encryption_version": 2})
            after = content_of(await ask(stage, encrypt_request(key_id=key)))
            assert from_base64(after["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x02"
            for encrypted in (before, after):
                content_of(await ask(stage, decrypt_request(encrypted, key_id=key)))

    run(check())


def test_each_state_of_a_key_has_its_error(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        key, withdrawn, derived = new_key(server), new_key(server), new_key(server, derived=True)
        async with staged(server, tmp_path, key, withdrawn, derived, "missing") as stage:
            encrypted = content_of(await ask(stage, encrypt_request(key_id=withdrawn)))
            server.do("DELETE", f"transit/keys/{withdrawn}/soft-delete")
            for request, error in (
                (encrypt_request(key_id=withdrawn), (400, "InvalidStateException")),
                (decrypt_request(encrypted, key_id=withdrawn), (400, "InvalidStateException")),
                (encrypt_request(key_id=derived), (501, "UnsupportedOperationException")),
                (encrypt_request(key_id="missing"), (404, "KeyNotFoundException")),
                (metadata_request(key_id="missing"), (404, "KeyNotFoundException")),
            ):
                assert error_of(await ask(stage, request)) == error
            described = content_of(await ask(stage, metadata_request(key_id=derived)))
            assert described["keySpec"] == "aes256-gcm96 derived"  # which AWS KMS refuses

    run(check())


def test_health_is_that_of_the_servers(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        key = new_key(server)
        async with staged(server, tmp_path, key) as stage:
            told = content_of(await ask(stage, health_request()))
            assert told["ekmVendor"] == "OpenBao/Vault Transit"
            (member,) = told["ekmFleetDetails"]
            assert (member["id"], member["healthStatus"]) == (f"localhost:{server.port}", "ACTIVE")

    run(check())
