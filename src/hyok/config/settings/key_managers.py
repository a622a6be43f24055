"""`[key_managers.NAME]`: the kinds that are no other system's, and all kinds together."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import About, Name, Settings
from hyok.config.settings.kmip import KmipKeyManagerSettings
from hyok.config.settings.pkcs11 import Pkcs11KeyManagerSettings
from hyok.config.settings.transit import TransitKeyManagerSettings

PluginName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}\Z")]


class EmbeddedKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="embedded"):
    """Software keys, wrapped under the root key in the storage."""

    rotate_after_encryptions: Annotated[
        int,
        msgspec.Meta(ge=1_000_000, le=4_000_000_000),
        About(
            "A key is rotated by itself after so many; 2^32 are the most that one version may do.",
            "2147483648",
            "a whole number from 1000000 to 4000000000",
        ),
    ] = 2**31


class PluginKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="plugin"):
    """A kind of key manager that another Python package brings; see docs/key-managers/writing-your-own.md."""

    plugin: Annotated[
        PluginName,
        About(
            "The name under which the package registers it (entry point group `hyok.key_managers`).",
            '"acme"',
            "a name of a-z A-Z 0-9 _ - .",
        ),
    ]
    settings: Annotated[dict[Name, str], About("What it is told; its own documentation says what.", '"10.0.0.7"')] = {}
    secrets: Annotated[
        dict[Name, SecretReference],
        About("Where its secrets are; it is told what is there.", '"file:/run/secrets/acme-token"'),
    ] = {}


class ClusterKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="cluster"):
    """Several key managers that hold the same keys, as one: each call goes to one of them that works."""

    members: Annotated[
        tuple[Name, ...],
        msgspec.Meta(min_length=2, max_length=10),
        About(
            "The key managers, by their names in this file; with the choice `ordered` the first is asked first.",
            '["hsm-a", "hsm-b"]',
            "a list of two to ten names of other key managers, none of which is a cluster",
        ),
    ]
    choice: Annotated[
        Literal["ordered", "fastest"],
        About(
            "Who is asked first. `ordered`: the first that works, the others stand in. `fastest`: the one that has "
            "answered fastest lately.",
            '"fastest"',
            '"ordered" or "fastest"',
        ),
    ] = "ordered"
    hedge_after_seconds: Annotated[
        float,
        msgspec.Meta(ge=0.001, le=0.25),
        About(
            "A member that has not answered for so long gets company: a second one is asked, and the first answer "
            "counts.",
            "0.04",
            "a number from 0.001 to 0.25",
        ),
    ] = 0.04
    members_replicate: Annotated[
        bool,
        About(
            "Whether a key made or rotated in one member appears in the others by itself. Where it does not, hyok "
            "refuses to rotate keys of the cluster, as the other members could not decrypt what the new version "
            "encrypts.",
            "true",
        ),
    ] = False


KeyManagerSettings = (
    EmbeddedKeyManagerSettings
    | Pkcs11KeyManagerSettings
    | TransitKeyManagerSettings
    | KmipKeyManagerSettings
    | PluginKeyManagerSettings
    | ClusterKeyManagerSettings
)
"""One of the kinds of key manager, told apart by `kind`."""
