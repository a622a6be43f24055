"""What every section is made of, and the types of values that several have."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec


class About(NamedTuple):
    """What a setting means, for the documentation and for errors."""

    text: str
    example: str = ""
    """As it would be written in TOML."""
    allowed: str = ""
    """What may stand there; empty where the type says it."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}\Z"), About("", "", "a-z 0-9 _ -, a letter first")]
HostName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z"),
    About("", "", "a host name in lower case, without https:// and port"),
]
SubjectName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
SECONDS = "a number from 0.1 to 86400"
ServerUrl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?\Z"
    ),
]
