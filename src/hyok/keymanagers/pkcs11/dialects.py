"""How each maker's token speaks AES-GCM, as data: who makes the IV, how long it is, and what the parameters look like.

None of it is guessed: a wrong guess crashes the library (the layout of CK_GCM_PARAMS) or, worse, encrypts everything
under one IV. What is configured is proven when the token is opened (`trial.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from hyok.keymanagers.pkcs11.meanings import Meaning


class IvSource(Enum):
    """Who makes the IV of an encryption. The values are the configuration's words."""

    HOST = "host"
    """We do, at random."""
    WRITTEN_BACK = "written-back"
    """The token: it is passed zeros and writes the IV over them."""
    APPENDED = "appended"
    """The token: its IV follows the tag in the output."""


class IvBits(Enum):
    """What stands in `ulIvBits` of CK_GCM_PARAMS. The values are the configuration's words."""

    LENGTH = "length"
    """Eight times `ulIvLen`."""
    ZERO = "zero"
    ABSENT = "absent"
    """There is no such field, as in the text of PKCS#11 2.40; the header files have it."""


class Dialect(NamedTuple):
    """All that differs between tokens."""

    iv_source: IvSource
    iv_bytes: int
    """12 or 16: how long the IV of an encryption is. Decryption takes either."""
    iv_bits: IvBits
    passes_zeros: bool = False
    """With APPENDED: pass an IV of zeros to be replaced. Else none is passed."""
    needs_read_write_sessions: bool = False
    copies_keys: bool = False
    """Use a copy in a session of each stored key: see `copies.py`."""
    floods_syslog: bool = False
    """Its library writes to syslog at each wrong tag, which takes as long as a decryption; it is kept from that."""
    decrypt_codes: Mapping[int, Meaning] = {}
    """What this maker's codes mean in decryption, where the standard's meaning does not hold."""


PRESETS: Final[Mapping[str, Dialect]] = {
    # What the standard's header files say and most tokens do.
    "standard": Dialect(IvSource.HOST, 12, IvBits.LENGTH),
    "softhsm": Dialect(IvSource.HOST, 12, IvBits.LENGTH, copies_keys=True, floods_syslog=True),
    # Does not know read-only sessions (client SDK 5) and refuses any IV but zeros.
    "aws-cloudhsm": Dialect(IvSource.WRITTEN_BACK, 12, IvBits.LENGTH, needs_read_write_sessions=True),
    # In FIPS mode it takes no IV and makes one of 16 bytes; to decrypt, it wants ulIvBits to be right.
    "luna": Dialect(IvSource.APPENDED, 16, IvBits.LENGTH),
    "luna-without-fips": Dialect(IvSource.HOST, 12, IvBits.LENGTH),
    "nshield": Dialect(IvSource.WRITTEN_BACK, 12, IvBits.LENGTH),
    # ProtectToolkit 7.1 and later. Before, the output was followed by the IV, which replaced the one passed.
    "protectserver": Dialect(IvSource.WRITTEN_BACK, 12, IvBits.LENGTH),
    "protectserver-7.0": Dialect(IvSource.APPENDED, 12, IvBits.LENGTH, passes_zeros=True),
}
"""By the name that the configuration uses. Makers change their habits: the trial at start has the last word."""


def choose_dialect(preset: str, *, iv: str | None, iv_bytes: int | None, iv_bits: str | None) -> Dialect:
    """Return a preset's dialect with what the configuration says instead; None leaves it as it is."""
    dialect = PRESETS[preset]
    return dialect._replace(
        iv_source=dialect.iv_source if iv is None else IvSource(iv),
        iv_bytes=dialect.iv_bytes if iv_bytes is None else iv_bytes,
        iv_bits=dialect.iv_bits if iv_bits is None else IvBits(iv_bits),
    )
