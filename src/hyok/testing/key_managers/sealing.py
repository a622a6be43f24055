"""What is encrypted comes back, and what was altered does not."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from hyok.keymanagers.interface import KeyVersion, VerifyingKeyManager
from hyok.testing.key_managers.subject import REJECTED, Contract, Subject, fails, seal, soon

LARGEST_PLAINTEXT_BYTES: Final = 4300
LARGEST_AAD_BYTES: Final = 8192 + 2 + 1 + 20
"""What a proxy hands over at most: the request's AAD, framed, and the ciphertext metadata (XKS API, Encrypt)."""


class SealingContract(Contract):
    """What becomes of plaintexts, and of ciphertexts that were altered."""

    def test_what_it_encrypts_it_decrypts(self) -> None:
        """For each size from one byte to the largest, with and without AAD."""

        async def check(subject: Subject) -> None:
            for size in (1, 16, 48, LARGEST_PLAINTEXT_BYTES):
                for aad in (b"", b"\x00\x00\x05" + bytes(5), bytes(LARGEST_AAD_BYTES)):
                    plaintext = bytes(range(256)) * 17
                    version, sealed = await seal(subject, plaintext[:size], aad)
                    opened = await subject.manager.decrypt(version, sealed, aad, soon())
                    assert opened == plaintext[:size], f"{size} bytes with {len(aad)} of AAD came back altered"

        self.run(check)

    def test_a_ciphertext_has_the_sizes_that_the_api_demands(self) -> None:
        """As long as the plaintext, an IV of 12 or 16 bytes, a tag of 16."""

        async def check(subject: Subject) -> None:
            _, sealed = await seal(subject, b"seventeen  bytes!", b"")
            assert len(sealed.ciphertext) == 17
            assert len(sealed.iv) in (12, 16)
            assert len(sealed.tag) == 16

        self.run(check)

    def test_no_iv_is_used_twice(self) -> None:
        """Two uses of one IV under one key would give both plaintexts away."""

        async def check(subject: Subject) -> None:
            ivs = {(await seal(subject, b"the same", b""))[1].iv for _ in range(50)}
            assert len(ivs) == 50

        self.run(check)

    def test_what_it_verifies_by_itself_comes_back_too(self) -> None:
        """Where it is a `VerifyingKeyManager`: what binds sees the very output, and that decrypts."""

        async def check(subject: Subject) -> None:
            if not isinstance(subject.manager, VerifyingKeyManager):
                return
            version = await subject.manager.active_version(subject.key_id, soon())
            sealed, bound = await subject.manager.encrypt_verified(
                version, b"plaintext", b"aad", lambda output: ("bound", output), soon()
            )
            assert bound == ("bound", sealed)
            assert await subject.manager.decrypt(version, sealed, b"aad", soon()) == b"plaintext"

        self.run(check)

    def test_whatever_is_altered_is_rejected(self) -> None:
        """Each of ciphertext, IV, tag and AAD, and a tag or IV cut short."""

        async def check(subject: Subject) -> None:
            version, sealed = await seal(subject, b"do not touch", b"aad")
            altered = (
                (structs.replace(sealed, ciphertext=_flip(sealed.ciphertext)), b"aad"),
                (structs.replace(sealed, iv=_flip(sealed.iv)), b"aad"),
                (structs.replace(sealed, tag=_flip(sealed.tag)), b"aad"),
                (structs.replace(sealed, tag=sealed.tag[:-1]), b"aad"),
                (structs.replace(sealed, ciphertext=sealed.ciphertext + sealed.tag[:1], tag=sealed.tag[1:]), b"aad"),
                (sealed, b"aae"),
                (sealed, b""),
            )
            for other, aad in altered:
                await fails(subject.manager.decrypt(version, other, aad, soon()), REJECTED)
            assert await subject.manager.decrypt(version, sealed, b"aad", soon()) == b"do not touch"

        self.run(check)

    def test_another_key_does_not_open_it(self) -> None:
        """Nor does a version that the key never had."""

        async def check(subject: Subject) -> None:
            version, sealed = await seal(subject, b"mine", b"")
            other = await subject.manager.active_version(subject.other_key_id, soon())
            await fails(subject.manager.decrypt(other, sealed, b"", soon()), REJECTED)
            never = KeyVersion(version.key_id, version.number + 1000)
            await fails(subject.manager.decrypt(never, sealed, b"", soon()), REJECTED)

        self.run(check)


def _flip(value: bytes) -> bytes:
    """Alter the first bit."""
    return bytes((value[0] ^ 1,)) + value[1:]
