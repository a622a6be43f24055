"""Which keys there are, and what they may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage
from hyok.testing.key_managers.subject import REJECTED, Contract, Subject, fails, seal, soon


class KeysContract(Contract):
    """What a key manager says of its keys, and how it follows what its administrator changes."""

    def test_a_key_is_described(self) -> None:
        """As GetKeyMetadata needs it."""

        async def check(subject: Subject) -> None:
            description = await subject.manager.describe_key(subject.key_id, soon())
            assert description.key_spec == "AES_256"
            assert description.usages == frozenset(KeyUsage)
            assert description.is_enabled

        self.run(check)

    def test_a_key_that_is_not_there_is_not_found(self) -> None:
        """And is not made by asking for it."""

        async def check(subject: Subject) -> None:
            for _ in range(2):
                await fails(subject.manager.describe_key("no-such-key", soon()), {KeyManagerFailure.KEY_NOT_FOUND})
                await fails(subject.manager.active_version("no-such-key", soon()), {KeyManagerFailure.KEY_NOT_FOUND})

        self.run(check)

    def test_rotation_keeps_what_older_versions_sealed(self) -> None:
        """Under an unchanged key id, with a version that was never used before; the versions are told apart."""

        async def check(subject: Subject) -> None:
            if subject.administrator is None:
                return
            old, sealed = await seal(subject, b"before", b"")
            await _administer(subject, lambda administrator: administrator.rotate_key(subject.key_id))
            new = await subject.manager.active_version(subject.key_id, soon())
            assert new.key_id == old.key_id
            assert new.number > old.number
            assert await subject.manager.decrypt(old, sealed, b"", soon()) == b"before"
            await fails(subject.manager.decrypt(new, sealed, b"", soon()), REJECTED)

        self.run(check)

    def test_a_disabled_key_is_refused_until_it_is_enabled(self) -> None:
        """For both usages; it is still described."""

        async def check(subject: Subject) -> None:
            if subject.administrator is None:
                return
            version, sealed = await seal(subject, b"withdrawn", b"")
            await _administer(subject, lambda administrator: administrator.disable_key(subject.key_id))
            assert not (await subject.manager.describe_key(subject.key_id, soon())).is_enabled
            await fails(subject.manager.active_version(subject.key_id, soon()), {KeyManagerFailure.KEY_DISABLED})
            await fails(subject.manager.decrypt(version, sealed, b"", soon()), {KeyManagerFailure.KEY_DISABLED})
            await _administer(subject, lambda administrator: administrator.enable_key(subject.key_id))
            assert await subject.manager.decrypt(version, sealed, b"", soon()) == b"withdrawn"

        self.run(check)


async def _administer(subject: Subject, change: Callable[[KeyAdministrator], object]) -> None:
    assert subject.administrator is not None
    await asyncio.to_thread(change, subject.administrator)
    if subject.refresh is not None:
        await subject.refresh()
