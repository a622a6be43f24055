"""What runs in `hyok dev`, for who walks through it: both sides, and what only their owners can do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from hyok.administration import external_keys, keys
from hyok.administration.credentials import CredentialPair, reveal_credential
from hyok.administration.keystores import KeyStore, show_key_store
from hyok.assembly.holder import Holder, HolderState
from hyok.assembly.kms import Kms
from hyok.clock import NO_DEADLINE, AdjustableClock
from hyok.dev.sides import EXTERNAL_KEY, KEY_STORE, PROXY_HOST, Sides
from hyok.dev.stopwatch import Stopwatch
from hyok.errors import NotDoneError
from hyok.keymanagers.interface import KeyAdministrator, KeyVersion, Sealed
from hyok.kms.call import Call
from hyok.kms.ciphertext_blob import CiphertextBlob, parse_blob
from hyok.kms.encryption_context import canonical_context
from hyok.kms.inner_layer import InnerCiphertextError, open_inner
from hyok.kms.values import OuterSealed
from hyok.proxy.ciphertext_metadata import read_ciphertext_metadata
from hyok.setup.sides import KEY_MANAGER
from hyok.transport.serving import Endpoint, serve
from hyok.transport.sockets import Address
from hyok.xks.aad import frame_aad

T = TypeVar("T")

_CALL_SECONDS: Final = 30.0
_SECONDS_PER_DAY: Final = 86_400


class Addresses(NamedTuple):
    """Where everything serves."""

    kms: Address
    kms_tls: Address
    proxy: Address


class ProxyDoor:
    """The proxy's listener, which can be closed and opened again on its port."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._open = AsyncExitStack()

    async def open(self) -> Address:
        """Listen; the address is the same each time."""
        running = await self._open.enter_async_context(serve([self._endpoint]))
        self._endpoint = self._endpoint._replace(address=running.address(self._endpoint.name))
        return self._endpoint.address

    async def close(self) -> None:
        """Listen no more."""
        await self._open.aclose()


class DevStack:
    """Both sides, running. Its methods are for another thread than the event loop's."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        sides: Sides,
        data: Path,
        holder: Holder,
        state: HolderState,
        door: ProxyDoor,
        kms: Kms,
        deletion_clock: AdjustableClock,
        stopwatch: Stopwatch,
        addresses: Addresses,
    ) -> None:
        self._loop = loop
        self._sides = sides
        self._holder = holder
        self._state = state
        self._door = door
        self._kms = kms
        self._deletion_clock = deletion_clock
        self._addresses = addresses
        self.stopwatch = stopwatch
        self.data = data
        self.objects = data / "objects"
        settings = sides.kms.require_kms()
        self.region: str = settings.region
        self.account: str = settings.account
        self.key_store: KeyStore = show_key_store(holder.storage, KEY_STORE)
        self.credential: CredentialPair = reveal_credential(
            holder.storage, holder.safe, holder.recorder, key_store=KEY_STORE
        )

    @property
    def kms_endpoint(self) -> str:
        """The KMS for those who do without TLS."""
        return f"http://{self._addresses.kms}"

    @property
    def kms_tls_endpoint(self) -> str:
        """The KMS over TLS, with a certificate of `ca_bundle`."""
        return f"https://localhost:{self._addresses.kms_tls.port}"

    @property
    def ca_bundle(self) -> Path:
        """Whom a client of `kms_tls_endpoint` has to trust."""
        return self._sides.kms_certificates.authority

    @property
    def proxy_uri_endpoint(self) -> str:
        """The proxy as KMS knows it."""
        return f"https://{PROXY_HOST}"

    @property
    def proxy_address(self) -> str:
        """Where the proxy really is."""
        return str(self._addresses.proxy)

    def describe(self) -> Iterator[tuple[str, str]]:
        """Tell what runs: label and text."""
        key = keys.show_key(self._administrator, EXTERNAL_KEY)
        holder = self._sides.holder.require_holder()
        kms = self._sides.kms.require_kms()
        yield "external key manager", f"embedded; AES-256 key {key.key_id}, version {key.active_version}"
        yield "", f"in {holder.storage.url.path}, sealed under {holder.root_key.source}"
        yield "external key store proxy", f"https://{self.proxy_address}, known to KMS as {self.proxy_uri_endpoint}"
        yield "", f"path {self.key_store.uri_path}, records in {self._sides.holder.audit.directory}"
        yield "KMS", f"{self.kms_endpoint} and {self.kms_tls_endpoint}, Region {self.region}"
        yield "", f"in {kms.storage.url.path}, sealed under {kms.root_key.source}"

    def ensure_external_key(self, key_id: str) -> None:
        """Create an external key and add it to the key store, unless it is there."""
        if all(key.external_key_id != key_id for key in external_keys.list_external_keys(self._holder.storage)):
            keys.create_key(self._administrator, key_id)
            external_keys.add_external_key(
                self._holder.storage,
                self._holder.clock,
                key_store=KEY_STORE,
                external_key_id=key_id,
                key_manager=KEY_MANAGER,
                manager_key_id=key_id,
            )
            self._on_loop(self._state.follower.catch_up())

    def set_external_key_enabled(self, key_id: str, *, is_enabled: bool) -> None:
        """Enable or disable an external key; returns when the running key manager obeys."""
        change = keys.enable_key if is_enabled else keys.disable_key
        change(self._administrator, key_id)
        self._on_loop(self._state.follower.catch_up())

    @contextmanager
    def without_proxy(self) -> Iterator[None]:
        """Take the proxy off its port for the length of the block."""
        self._on_loop(self._door.close())
        try:
            yield
        finally:
            self._on_loop(self._door.open())

    def open_outer_layer(self, ciphertext_blob: bytes, encryption_context: dict[str, str]) -> bytes:
        """Do what the owner of the external key can do alone: remove the outer layer."""
        blob = parse_blob(ciphertext_blob)
        outer = _outer_of(blob)
        manager = self._state.key_managers[KEY_MANAGER]
        aad = frame_aad(blob.header + canonical_context(encryption_context), outer.metadata)
        sealed_by = read_ciphertext_metadata(outer.metadata)
        if sealed_by is None:
            raise NotDoneError("this stack's proxy has not made this ciphertext")
        version = KeyVersion(EXTERNAL_KEY, sealed_by.key_version)
        sealed = Sealed(outer.ciphertext, outer.iv, outer.tag)
        return self._on_loop(manager.decrypt(version, sealed, aad, NO_DEADLINE))

    def open_inner_layer(self, ciphertext_blob: bytes, encryption_context: dict[str, str]) -> bytes:
        """Do what KMS can do alone: try its backing key on what it holds. NotDoneError, as it does not open."""
        blob = parse_blob(ciphertext_blob)
        caller = Call("", "Decrypt", self.account, self.region, "", "", "", "")
        key = self._kms.space.keys.find_by_id(caller, blob.key_id)
        material = self._kms.space.backing_keys.find(key, blob.backing_key)
        if material is None:
            raise NotDoneError(f"KMS has no backing key {blob.backing_key} of {key.arn}")
        outer = _outer_of(blob)
        try:
            aad = blob.header + canonical_context(encryption_context)
            return open_inner(material, blob.derivation, outer.ciphertext + outer.tag, aad)
        except InnerCiphertextError as error:
            raise NotDoneError(str(error)) from error

    def age_deletion_schedule(self, days: int) -> None:
        """Move the deletion schedule's clock forward; returns when what was due is deleted."""
        self._deletion_clock.advance(days * _SECONDS_PER_DAY)
        self._on_loop(self._kms.schedule.delete_due())

    @property
    def _administrator(self) -> KeyAdministrator:
        return self._holder.key_administrators[KEY_MANAGER]

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)


def _outer_of(blob: CiphertextBlob) -> OuterSealed:
    if not isinstance(blob.body, OuterSealed):
        raise NotDoneError("this is not the ciphertext of a key in an external key store")
    return blob.body
