"""`[key_managers.NAME]` of the kind `pkcs11`, and the token that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import About, Settings

TokenLabel = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
TokenSerial = Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
SlotId = Annotated[int, msgspec.Meta(ge=0)]
IvBytes = Annotated[int, msgspec.Meta(ge=12, le=16, multiple_of=4)]
Pkcs11Preset = Literal[
    "standard",
    "softhsm",
    "aws-cloudhsm",
    "luna",
    "luna-without-fips",
    "nshield",
    "protectserver",
    "protectserver-7.0",
]


class TokenNameSettings(Settings, frozen=True, kw_only=True):
    """Which token of the library: exactly one of these names it."""

    label: Annotated[TokenLabel | None, About("Its label.", '"prod"', "1 to 32 characters")] = None
    serial: Annotated[
        TokenSerial | None,
        About("Its serial number, where two tokens have the same label.", '"1234567"', "1 to 16 characters"),
    ] = None
    slot: Annotated[
        SlotId | None, About("The id of the slot it is in, where that never changes.", "0", "a whole number from 0")
    ] = None


class Pkcs11KeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="pkcs11"):
    """Keys in an HSM, through the PKCS#11 library of its maker."""

    module: Annotated[Path, About("The maker's PKCS#11 library.", '"/usr/lib/softhsm/libsofthsm2.so"')]
    token: TokenNameSettings
    pin: Annotated[
        SecretReference | None,
        About(
            "Where the user's PIN is; without one the token needs none, or it is entered at the device.",
            '"file:/run/secrets/hsm-pin"',
        ),
    ] = None
    preset: Annotated[
        Pkcs11Preset,
        About(
            "How the token speaks AES-GCM: its maker's habits, which each start proves.",
            '"softhsm"',
            '"standard", "softhsm", "aws-cloudhsm", "luna", "luna-without-fips", "nshield", "protectserver" or '
            '"protectserver-7.0"',
        ),
    ]
    iv: Annotated[
        Literal["host", "written-back", "appended"] | None,
        About(
            "Instead of the preset's: who makes the IV. `host`: hyok, at random. `written-back`: the token, over zeros "
            "that it is passed. `appended`: the token, which puts it behind the tag.",
            '"host"',
            '"host", "written-back" or "appended"',
        ),
    ] = None
    iv_bytes: Annotated[IvBytes | None, About("Instead of the preset's: how long the IV is.", "12", "12 or 16")] = None
    iv_bits: Annotated[
        Literal["length", "zero", "absent"] | None,
        About(
            "Instead of the preset's: what stands in ulIvBits of CK_GCM_PARAMS: the IV's length in bits, zero, or "
            "there is no such field.",
            '"length"',
            '"length", "zero" or "absent"',
        ),
    ] = None
    sessions: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        About(
            "Most sessions, and threads, of each worker: so many calls does the HSM work on side by side.",
            "32",
            "a whole number from 1 to 1024",
        ),
    ] = 32
    queue_length: Annotated[
        int,
        msgspec.Meta(ge=0, le=100_000),
        About(
            "Most calls of each worker that wait for a session; one more is answered ThrottlingException.",
            "256",
            "a whole number from 0 to 100000",
        ),
    ] = 256
