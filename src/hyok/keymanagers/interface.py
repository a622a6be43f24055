"""What an external key manager is to the proxy.

A call may begin outside a task: the proxy runs each request synchronously up to its first wait, so that a manager whose
keys are in memory pays for no task at all. A manager that waits does so by awaiting a future it made itself, and
leaves timeouts that need the current task (`asyncio.timeout`, aiohttp) to tasks of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.secret import Secret


class KeyUsage(Enum):
    """What a key may be used for. The values are the XKS proxy API's."""

    ENCRYPT = "ENCRYPT"
    DECRYPT = "DECRYPT"


class KeyDescription(NamedTuple):
    """A key as GetKeyMetadata needs it; also for one that is disabled or of another kind than AES-256."""

    key_spec: str
    """`AES_256` for a 256-bit AES key, else the manager's own word."""
    usages: frozenset[KeyUsage]
    is_enabled: bool


class KeyVersion(NamedTuple):
    """One version of a key's material: 1 to 2^32 - 1, never used again for other material."""

    key_id: str
    number: int


class Sealed(Struct, frozen=True, gc=False):
    """What AES-GCM gives: a ciphertext as long as the plaintext, an IV of 12 or 16 bytes, a tag of 16."""

    ciphertext: bytes
    iv: bytes
    tag: bytes


answered_by: Final[ContextVar[str]] = ContextVar("answered_by", default="")
"""Which member answered the last call of a manager that has several, by its name; set by such a manager alone."""


class HealthStatus(Enum):
    """The state of one member of a key manager. The values are the XKS proxy API's."""

    ACTIVE = "ACTIVE"
    DEGRADED = "DEGRADED"
    UNAVAILABLE = "UNAVAILABLE"


class MemberHealth(NamedTuple):
    """One member (instance) of a key manager and how it is."""

    id: str
    model: str
    status: HealthStatus


class KeyManager(Protocol):
    """An external key manager: AES-256-GCM under keys that never leave it.

    Raises only `KeyManagerError`, answers before `deadline`, is called concurrently.
    """

    @property
    def vendor(self) -> str:
        """The maker's name, as GetHealthStatus reports it (`ekmVendor`)."""
        ...

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key. KEY_NOT_FOUND if there is none of that name."""
        ...

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the version that encrypts now.

        Asked first, because its number is bound into the AAD. KEY_DISABLED and USAGE_NOT_PERMITTED if it may not.
        """
        ...

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt under exactly this version. KeyRotatedError if another one has taken its place meanwhile."""
        ...

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt under exactly this version. CIPHERTEXT_REJECTED if anything was altered or the version is unknown."""
        ...

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Encrypt and decrypt with a test key on each of the 1 to 10 members; never with a customer's key."""
        ...

    async def aclose(self) -> None:
        """Let go of sessions, threads and keys."""
        ...


T = TypeVar("T")


class VerifyingKeyManager:
    """The optional second power of a key manager: to encrypt and decrypt the output again in one go.

    For one whose calls change threads or cross a network: half of the changes. A base class and not a protocol,
    because the proxy asks of each request whether its manager is one.
    """

    async def encrypt_verified(
        self, version: KeyVersion, plaintext: bytes, aad: bytes, bind: Callable[[Sealed], T], deadline: Deadline
    ) -> tuple[Sealed, T]:
        """Encrypt as `encrypt` does, call `bind` with the output, then decrypt that output and compare.

        `bind` comes first, so that what it computes does not cover a bit flipped in between; it may run in another
        thread. CIPHERTEXT_REJECTED if the output does not decrypt to the plaintext.
        """
        raise NotImplementedError


class CallCounts(NamedTuple):
    """How the calls of a key manager stand in one process."""

    running: int
    queued: int
    """For a thread, or a place in a request."""
    hanging: int
    """Still under way although their callers were answered that they timed out, or have gone."""


class CallCounting:
    """The optional third power of a key manager: to tell how its calls stand. For one that has a queue of its own.

    A base class, as `VerifyingKeyManager` is.
    """

    def count_calls(self) -> CallCounts:
        """Count them now; never waits."""
        raise NotImplementedError


def encrypt_verified(
    manager: KeyManager,
    version: KeyVersion,
    plaintext: bytes,
    aad: bytes,
    bind: Callable[[Sealed], T],
    deadline: Deadline,
) -> Coroutine[Any, Any, tuple[Sealed, T]]:
    """Do what `VerifyingKeyManager.encrypt_verified` says, with any key manager."""
    if isinstance(manager, VerifyingKeyManager):
        return manager.encrypt_verified(version, plaintext, aad, bind, deadline)
    return _encrypt_and_verify(manager, version, plaintext, aad, bind, deadline)


async def _encrypt_and_verify(
    manager: KeyManager,
    version: KeyVersion,
    plaintext: bytes,
    aad: bytes,
    bind: Callable[[Sealed], T],
    deadline: Deadline,
) -> tuple[Sealed, T]:
    sealed = await manager.encrypt(version, plaintext, aad, deadline)
    # What binds comes first: computed after the decryption it would cover a bit flipped in between.
    bound = bind(sealed)
    if await manager.decrypt(version, sealed, aad, deadline) != plaintext:
        raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED, "it decrypts to something else")
    return sealed, bound


class KeyManagerPlugin(Protocol):
    """A kind of key manager that another package brings: an entry point of the group `hyok.key_managers`.

    Both are given the name in the configuration, and `settings` and `secrets` as they stand there, resolved. Raise
    `hyok.errors.OperatorError` for what an operator has to put right.
    """

    def open(self, name: str, settings: Mapping[str, str], secrets: Mapping[str, Secret]) -> KeyManager:
        """Make the manager that a proxy asks, in each of its processes. May block; a device that is away is no error.

        Called in a thread without a running loop; the manager's own calls come from the loop of its process.
        """
        ...

    def administer(self, name: str, settings: Mapping[str, str], secrets: Mapping[str, Secret]) -> KeyAdministrator:
        """Make what commands look up and change keys with. Where they are made elsewhere, it refuses: NotDoneError."""
        ...


class KeyAdministrator(Protocol):
    """The optional fourth power of a key manager: to make and change keys. For the command line and the console only.

    Blocking calls: they run in a command or in a worker thread. Each change is durable when the call returns. Raises
    `KeyManagerError` and `hyok.errors.NotDoneError`.
    """

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256 key with version 1. NotDoneError if the id is taken."""
        ...

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version, which encrypts from now on; older ones decrypt on."""
        ...

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow use of the key."""
        ...

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse all use of the key until it is enabled again."""
        ...

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key."""
        ...

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys, sorted by id."""
        ...


@runtime_checkable
class MaterialAdministrator(KeyAdministrator, Protocol):
    """A `KeyAdministrator` that also takes in material from elsewhere, and destroys it: both behind a date and a word.

    For a manager whose keys hyok itself holds; elsewhere this is the business of the manager's own tools.
    """

    def import_key(self, key_id: str, usages: frozenset[KeyUsage], material: Secret) -> ManagedKey:
        """Create a key whose version 1 is these 32 bytes. NotDoneError as `create_key`, or if they are not 32."""
        ...

    def schedule_deletion(self, key_id: str, *, waiting_days: int) -> ManagedKey:
        """Refuse all use of the key from now on, and destroy it after 7 to 30 days, unless it is cancelled."""
        ...

    def cancel_deletion(self, key_id: str) -> ManagedKey:
        """Keep a key that was to be destroyed; it is disabled then."""
        ...


class ManagedKey(NamedTuple):
    """A key as an operator sees it."""

    key_id: str
    usages: frozenset[KeyUsage]
    is_enabled: bool
    active_version: int
    version_count: int
    created_at: float
    """Unix seconds."""
    deletion_at: float | None = None
    """When it is destroyed, in Unix seconds, if that is scheduled."""
