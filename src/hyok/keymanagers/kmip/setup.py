"""What a KMIP key manager is made of, as assembly hands it over."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from hyok.keymanagers.kmip.vocabulary import SPOKEN_VERSIONS, ProtocolVersion
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup

HEALTH_KEY = "hyok-health"


class IvSource(Enum):
    """Who makes the IVs of AES-GCM."""

    HYOK = "hyok"
    SERVER = "server"


class KmipSetup(NamedTuple):
    """Where a KMIP server is and how to talk to it."""

    address: Address
    server_name: str
    """What its certificate must say."""
    tls: TlsSetup
    versions: Sequence[ProtocolVersion] = SPOKEN_VERSIONS
    """Which to ask for, the most wanted first."""
    iv_source: IvSource = IvSource.HYOK
    health_key: str = HEALTH_KEY
    """The name of a key for tests only; made where it is missing and the server lets hyok make it."""
    connections: int = 16
    """At most, to this server, from each worker."""
