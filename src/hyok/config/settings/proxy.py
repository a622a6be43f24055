"""`[proxy]`: the external key store proxy, its limits and deadlines."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import SECONDS, About, Seconds, Settings, SubjectName
from hyok.config.values import Address

TlsSuites = Literal["compatible", "strict"]
CallSeconds = Annotated[float, msgspec.Meta(ge=0.01, le=0.25)]
_CALL_SECONDS = "a number from 0.01 to 0.25"


class ClientCertificateSettings(Settings, frozen=True, kw_only=True):
    """Mutual TLS: whose certificate gets past the proxy's handshake."""

    authorities: Annotated[
        SecretReference, About("The CAs that sign them (PEM).", '"file:/etc/hyok/tls/amazon-trust-services.pem"')
    ]
    subjects: Annotated[
        tuple[SubjectName, ...],
        msgspec.Meta(min_length=1),
        About(
            "The common names let in: the CA alone would let in everybody it ever certified.",
            '["cks.kms.eu-central-1.amazonaws.com"]',
            "a list of one or more names",
        ),
    ]


class LimitSettings(Settings, frozen=True, kw_only=True):
    """How much of a client one worker bears, and for how long. What goes beyond is refused and closed."""

    head_bytes: Annotated[
        int,
        msgspec.Meta(ge=4096, le=65_536),
        About("A request's line and headers together.", "16384", "a whole number from 4096 to 65536"),
    ] = 16_384
    body_bytes: Annotated[
        int,
        msgspec.Meta(ge=65_536, le=1_048_576),
        About(
            "A request's body. The largest that AWS KMS sends has about 25,000.",
            "131072",
            "a whole number from 65536 to 1048576",
        ),
    ] = 131_072
    connections: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        About(
            "Open connections in all; what is too many is closed at once.",
            "4096",
            "a whole number from 1 to 1000000",
        ),
    ] = 4096
    connections_per_address: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        About(
            "Open connections from one IPv4 address or the /64 of an IPv6 address: generous, for behind a load "
            "balancer all clients have its few.",
            "1024",
            "a whole number from 1 to 1000000",
        ),
    ] = 1024
    requests_per_connection: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000_000),
        About(
            "After so many a connection ends, so that load spreads over the workers again.",
            "10000",
            "a whole number from 1 to 1000000000",
        ),
    ] = 10_000
    handshake_seconds: Annotated[Seconds, About("For the TLS handshake.", "5.0", SECONDS)] = 5.0
    head_seconds: Annotated[Seconds, About("From a request's first byte to the end of its head.", "5.0", SECONDS)] = 5.0
    message_seconds: Annotated[
        Seconds, About("From a request's first byte to the end of its body.", "15.0", SECONDS)
    ] = 15.0
    idle_seconds: Annotated[
        Seconds,
        About("From an answer to the next request, and from the handshake to the first.", "300.0", SECONDS),
    ] = 300.0


class DeadlineSettings(Settings, frozen=True, kw_only=True):
    """By when a request is answered, if need be that its key manager was too slow. AWS KMS gives up after 0.25 s."""

    request_seconds: Annotated[
        CallSeconds,
        About(
            "From a request's first byte: 0.25 less what its way here and the answer's way back take.",
            "0.2",
            _CALL_SECONDS,
        ),
    ] = 0.2
    first_request_seconds: Annotated[
        CallSeconds,
        About(
            "From accept, on a connection's first request: TCP and TLS have taken some round trips by then.",
            "0.14",
            _CALL_SECONDS,
        ),
    ] = 0.14


class ProxySettings(Settings, frozen=True, kw_only=True):
    """The external key store proxy."""

    listen: Annotated[Address, About("Where it serves HTTPS.", '"0.0.0.0:8443"')] = Address("127.0.0.1", 8443)
    workers: Annotated[
        int,
        msgspec.Meta(ge=1, le=64),
        About(
            "Processes that serve, kept by one more. Two, so that one serves on while another is replaced; one core "
            "for each is the most that helps.",
            "2",
            "a whole number from 1 to 64",
        ),
    ] = 2
    certificate: Annotated[
        SecretReference, About("The server's certificate and its chain (PEM).", '"file:/etc/hyok/tls/server.pem"')
    ]
    private_key: Annotated[SecretReference, About("Its private key (PEM).", '"file:/etc/hyok/tls/server.key"')]
    tls_suites: Annotated[
        TlsSuites,
        About(
            "`strict`: the four cipher suites that the XKS proxy API names and no other. `compatible`: besides them "
            "TLS_AES_128_GCM_SHA256 of TLS 1.3, for clients that offer nothing better.",
            '"strict"',
            '"compatible" or "strict"',
        ),
    ] = "compatible"
    health_listen: Annotated[
        Address | None,
        About(
            "Where it answers /ping and /ready, and nothing else, over plain HTTP, for load balancers.",
            '"127.0.0.1:8080"',
        ),
    ] = None
    client_certificates: ClientCertificateSettings | None = None
    limits: LimitSettings = LimitSettings()
    deadline: DeadlineSettings = DeadlineSettings()
