"""Every setting there is: its type, default, meaning and an example. The documentation's tables are made from here.

The file holds what belongs to the machine. Key stores, credentials and keys live in the storage and change by command.
A section or setting whose default is None is optional.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from hyok.config.references import ReferenceScheme, SecretReference
from hyok.config.root_sources import RootSource
from hyok.config.values import Address, StorageUrl


class About(NamedTuple):
    """What a setting means, for the documentation and for errors."""

    text: str
    example: str = ""
    """As it would be written in TOML."""
    allowed: str = ""
    """What may stand there; empty where the type says it."""


Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}\Z"), About("", "", "a-z 0-9 _ -, a letter first")]
HostName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z"),
    About("", "", "a host name in lower case, without https:// and port"),
]
SubjectName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")]
RegionName = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}\Z")]
Seconds = Annotated[float, msgspec.Meta(ge=0.1, le=86_400)]
_SECONDS = "a number from 0.1 to 86400"
TlsSuites = Literal["compatible", "strict"]
Signatures = Literal["verify", "any-credentials"]
EndpointServiceName = Annotated[
    str, msgspec.Meta(pattern=r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}[0-9]+\.vpce-svc-[0-9a-z]+\Z")
]
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
PluginName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}\Z")]
KmipVersion = Literal["1.4", "2.0", "2.1"]
KmipKeyName = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{1,128}\Z")]

OperatorKey = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]{0,62}\+[A-Za-z0-9+/]{43}=\Z")]


WatchRule = Literal["off", "flag", "block"]
_WATCH_RULE = '"off", "flag" or "block"'
DayOfWeek = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
AccountIds = Annotated[tuple[AccountId, ...], About("", "", "a list of account numbers of 12 digits")]
OrganizationId = Annotated[str, msgspec.Meta(pattern=r"^o-[a-z0-9]{1,32}\Z"), About("", "", "o- and letters or digits")]
AuthorizerUrl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[!-~]*)?\Z",
        max_length=2048,
    ),
]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


class StorageSettings(Settings, frozen=True, kw_only=True):
    """Where one side keeps what it must not lose."""

    url: Annotated[
        StorageUrl,
        About(
            "The database: an SQLite file, or `postgresql://USER@HOST/DATABASE` with libpq's parameters behind a `?`.",
            '"sqlite:////var/lib/hyok/hyok.db"',
        ),
    ]
    password: Annotated[
        SecretReference | None,
        About("The user's password at the PostgreSQL server.", '"systemd-credential:hyok-database"'),
    ] = None
    anchor: Annotated[
        Path | None,
        About(
            "A file outside the database that knows its newest change, so that an older copy is refused: on storage "
            "that is not copied and restored together with the database.",
            '"/var/lib/hyok-anchor/holder.anchor"',
        ),
    ] = None


class RootKeySettings(Settings, frozen=True, kw_only=True):
    """What wraps everything secret in the storage."""

    source: Annotated[
        RootSource,
        About(
            "Where the root key is, how it is entered, or which key of which key manager it is.",
            '"systemd-credential:hyok-root"',
        ),
    ]


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
    handshake_seconds: Annotated[Seconds, About("For the TLS handshake.", "5.0", _SECONDS)] = 5.0
    head_seconds: Annotated[Seconds, About("From a request's first byte to the end of its head.", "5.0", _SECONDS)] = (
        5.0
    )
    message_seconds: Annotated[
        Seconds, About("From a request's first byte to the end of its body.", "15.0", _SECONDS)
    ] = 15.0
    idle_seconds: Annotated[
        Seconds,
        About("From an answer to the next request, and from the handshake to the first.", "300.0", _SECONDS),
    ] = 300.0


CallSeconds = Annotated[float, msgspec.Meta(ge=0.01, le=0.25)]
_CALL_SECONDS = "a number from 0.01 to 0.25"


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


_MOUNT = "a path without surrounding slashes"
MountPath = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\Z", max_length=256), About("", "", _MOUNT)
]
TransitKeyName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?\Z")]
LoginRole = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
TransitServer = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?\Z"
    ),
]


class TokenLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="token"):
    """With a token that somebody else gets, an agent for example. It is renewed if it can be, else read again."""

    token: Annotated[SecretReference, About("Where the token is.", '"file:/run/openbao/token"')]


class AppRoleLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="approle"):
    """With a role id and a secret id."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"approle"', _MOUNT)] = "approle"
    role_id: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=256),
        About("The role's id.", '"b350c9ad-979c-7104-13fe-b68a1164997c"', "a text in quotes"),
    ]
    secret_id: Annotated[SecretReference, About("Where its secret id is.", '"file:/run/secrets/openbao-secret-id"')]


class KubernetesLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="kubernetes"):
    """With the service account of the pod."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"kubernetes"', _MOUNT)] = "kubernetes"
    role: Annotated[
        str, msgspec.Meta(min_length=1, max_length=256), About("The role to log in to.", '"hyok"', "a text in quotes")
    ]
    service_account_token: Annotated[
        SecretReference,
        About(
            "Where the service account's token is.",
            '"file:/var/run/secrets/kubernetes.io/serviceaccount/token"',
        ),
    ] = SecretReference(ReferenceScheme.FILE, "/var/run/secrets/kubernetes.io/serviceaccount/token")


class CertificateLoginSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="certificate"):
    """With the client certificate of the TLS connection."""

    mount: Annotated[MountPath, About("Where the login method is mounted.", '"cert"', _MOUNT)] = "cert"
    role: Annotated[
        LoginRole | None,
        About("The role to log in to; without it, whichever the certificate fits.", '"hyok"', "a text in quotes"),
    ] = None


class TransitKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="transit"):
    """Keys in the Transit secrets engine of OpenBao or Vault."""

    servers: Annotated[
        tuple[TransitServer, ...],
        msgspec.Meta(min_length=1, max_length=10),
        About(
            "The instances of one cluster: the one that answered last is asked, else the next.",
            '["https://bao-1.example.com:8200", "https://bao-2.example.com:8200"]',
            "a list of one to ten https://HOST:PORT; http:// for an agent on this machine only",
        ),
    ]
    mount: Annotated[MountPath, About("Where the secrets engine is mounted.", '"transit"', _MOUNT)] = "transit"
    namespace: Annotated[
        MountPath | None, About("The namespace of the secrets engine and the login.", '"teams/payments"', _MOUNT)
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign the servers' certificates (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/bao/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None,
        About("What it shows to the servers (PEM).", '"file:/etc/hyok/bao/client.pem"'),
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/bao/client.key"')
    ] = None
    health_key: Annotated[
        TransitKeyName | None,
        About(
            "A key for health checks and nothing else; without one, only the servers' own word is known.",
            '"hyok-health"',
            "a key's name",
        ),
    ] = None
    login: TokenLoginSettings | AppRoleLoginSettings | KubernetesLoginSettings | CertificateLoginSettings


class KmipKeyManagerSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="kmip"):
    """Keys at a KMIP server, found there by name."""

    address: Annotated[Address, About("Where the server listens; 5696 is KMIP's port.", '"kmip.example.com:5696"')]
    server_name: Annotated[
        HostName | None,
        About(
            "What its certificate must say, if that is not the host of its address.",
            '"kmip.example.com"',
            "a host name in lower case",
        ),
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign the server's certificate (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/kmip/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference,
        About("What it shows to the server: who hyok is there (PEM).", '"file:/etc/hyok/kmip/client.pem"'),
    ]
    client_private_key: Annotated[SecretReference, About("Its private key (PEM).", '"file:/etc/hyok/kmip/client.key"')]
    versions: Annotated[
        tuple[KmipVersion, ...],
        msgspec.Meta(min_length=1),
        About(
            "The versions of KMIP to speak, the most wanted first: the first that the server knows is taken.",
            '["2.1", "2.0", "1.4"]',
            'a list of "2.1", "2.0" and "1.4"',
        ),
    ] = ("2.1", "2.0", "1.4")
    iv: Annotated[
        Literal["hyok", "server"],
        About(
            "Who makes the IVs. The server's are proved to differ before any is used.",
            '"server"',
            '"hyok" or "server"',
        ),
    ] = "hyok"
    health_key: Annotated[
        KmipKeyName,
        About(
            "A key for health checks and nothing else; made where it is missing and the server lets hyok make it.",
            '"hyok-health"',
            "1 to 128 of a-z A-Z 0-9 - . _",
        ),
    ] = "hyok-health"
    connections: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        About("At most so many to the server, from each worker.", "16", "a whole number from 1 to 1024"),
    ] = 16


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


FieldPath = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_]+(\.[A-Za-z_]+)*\Z", max_length=256)]
_FIELDS = "a list of fields, a member of another as other.member"


class RedactionSettings(Settings, frozen=True, kw_only=True):
    """What exports and sinks are not told. The trail itself keeps it."""

    remove: Annotated[tuple[FieldPath, ...], About("Fields that are left out.", '["peer", "detail"]', _FIELDS)] = ()
    pseudonymize: Annotated[
        tuple[FieldPath, ...],
        About(
            "Fields whose value is replaced by a pseudonym: the same for the same value, and of no use without the "
            "key.",
            '["request_metadata.awsPrincipalArn"]',
            _FIELDS,
        ),
    ] = ()
    pseudonym_key: Annotated[
        SecretReference | None,
        About("What pseudonyms are made with, 32 bytes or more.", '"file:/etc/hyok/pseudonym.key"'),
    ] = None


RecordFormat = Literal["jsonl", "cef"]
_FORMAT = About("jsonl: one JSON object a line. cef: ArcSight's Common Event Format.", '"cef"', '"jsonl" or "cef"')
_CHECKPOINTS = About(
    "How often it is also sent each log's newest signed checkpoint; 0 for never.", "60.0", "a number from 0 to 86400"
)
CheckpointSeconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
KeptDays = Annotated[int, msgspec.Meta(ge=1, le=36_600)]


class FileSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """Records are appended to a file; checkpoints to another beside it, with `.checkpoints` behind its name."""

    path: Annotated[Path, About("Where. It may be moved away at any time.", '"/mnt/elsewhere/hyok.jsonl"')]
    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class StdoutSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="stdout"):
    """Records are written to the standard output of `hyok proxy serve`."""

    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class SyslogSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="syslog"):
    """Records are sent to a syslog server, RFC 5424 over TLS."""

    address: Annotated[Address, About("Where it listens; 6514 is its port.", '"siem.example.com:6514"')]
    server_name: Annotated[
        HostName | None,
        About(
            "What its certificate must say, if that is not the host of its address.",
            '"siem.example.com"',
            "a host name in lower case",
        ),
    ] = None
    authorities: Annotated[
        SecretReference | None,
        About("The CAs that sign its certificate (PEM); without it, those the system trusts.", '"file:siem-ca.pem"'),
    ] = None
    client_certificate: Annotated[
        SecretReference | None, About("What it is shown (PEM).", '"file:siem-client.pem"')
    ] = None
    client_private_key: Annotated[SecretReference | None, About("Its private key (PEM).", '"file:siem-client.key"')] = (
        None
    )
    format: Annotated[RecordFormat, _FORMAT] = "jsonl"
    checkpoint_seconds: Annotated[CheckpointSeconds, _CHECKPOINTS] = 60.0


class WitnessSinkSettings(Settings, frozen=True, kw_only=True, tag_field="kind", tag="witness"):
    """A witness (C2SP tlog-witness) is sent checkpoints, no records, and signs that the logs only grow."""

    url: Annotated[
        TransitServer,
        About("Its submission prefix.", '"https://witness.example.com"', "https://HOST:PORT"),
    ]
    key: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=512),
        About(
            "Its public key, as it makes it known: NAME+KEY ID+BASE64.",
            '"witness.example.com/w1+a3e00fe2+BNO/co4C1Hp1liLwCyfgInlz7lPACWQMC9r1U0+DMsxa"',
            "a text in quotes",
        ),
    ]
    prefix: Annotated[
        str,
        msgspec.Meta(pattern=r"^(/[A-Za-z0-9._~-]+)*\Z", max_length=256),
        About("The path below which it serves.", '"/logs"', "a path that begins with a slash and ends without one"),
    ] = ""
    authorities: Annotated[
        SecretReference | None,
        About("The CAs that sign its certificate (PEM); without it, those the system trusts.", '"file:witness-ca.pem"'),
    ] = None
    checkpoint_seconds: Annotated[Seconds, About("How often.", "60.0", _SECONDS)] = 60.0


SinkSettings = FileSinkSettings | StdoutSinkSettings | SyslogSinkSettings | WitnessSinkSettings
"""One of the kinds of sink, told apart by `kind`."""


class AuditSettings(Settings, frozen=True, kw_only=True):
    """The trail of who used which key."""

    directory: Annotated[Path, About("Where its logs are.", '"/var/log/hyok/audit"')] = Path("/var/log/hyok/audit")
    durable: Annotated[
        bool,
        About(
            "Whether an answer waits until its record would survive a loss of power. Records survive the end of hyok "
            "itself, however it comes, in any case.",
            "true",
            "true or false",
        ),
    ] = False
    segment_mebibytes: Annotated[
        int,
        msgspec.Meta(ge=1, le=1024),
        About("A log's file of this size is closed and the next begun.", "64", "a whole number from 1 to 1024"),
    ] = 64
    segment_hours: Annotated[
        int,
        msgspec.Meta(ge=1, le=8784),
        About("So is one of this age.", "24", "a whole number from 1 to 8784"),
    ] = 24
    keep_days: Annotated[
        KeptDays | None,
        About(
            "Segments whose last record is older are removed, or taken to the archive, and a record says so; without "
            "it, all are kept.",
            "400",
            "a whole number from 1 to 36600",
        ),
    ] = None
    archive: Annotated[
        Path | None,
        About("Where they are taken: a trail that can be verified by itself.", '"/mnt/archive/hyok-audit"'),
    ] = None
    redaction: RedactionSettings = RedactionSettings()
    sinks: dict[Name, SinkSettings] = {}


class WithdrawalSettings(Settings, frozen=True, kw_only=True):
    """How access ends (`hyok freeze`), and who may give it back."""

    stale_after_seconds: Annotated[
        float,
        msgspec.Meta(ge=2.0, le=3600.0),
        About(
            "A server that cannot read the storage for so long refuses all use of keys, because what it may not know "
            "of could be frozen. Short, an interruption of the storage soon stops AWS KMS; long, a server cut off from "
            "the storage serves on for so long after a freeze.",
            "15.0",
            "a number from 2 to 3600",
        ),
    ] = 15.0
    trusted_operators: Annotated[
        tuple[OperatorKey, ...],
        About(
            "Operators that this machine trusts whatever the storage says, each as NAME+KEY, as `hyok operator list` "
            "shows them. Without any, the first operator ever created is trusted.",
            '["alice+9f3Ncd0kVZ2OkKZs6gN0b4D4gFTdv4u6oXQ1cX8B1pI="]',
            "a list of NAME+KEY",
        ),
    ] = ()


class MetricsSettings(Settings, frozen=True, kw_only=True):
    """Numbers for Prometheus, over plain HTTP at /metrics. Without this section they are not served."""

    listen: Annotated[Address, About("Where they are served.", '"127.0.0.1:9464"')] = Address("127.0.0.1", 9464)


class VpcEndpointServiceSettings(Settings, frozen=True, kw_only=True):
    """A VPC endpoint service as this KMS is to see it: there is no VPC, only what AWS KMS would find out about one."""

    name: Annotated[
        EndpointServiceName,
        About(
            "Its name, as given to CreateCustomKeyStore.",
            '"com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"',
            "com.amazonaws.vpce.REGION.vpce-svc-ID",
        ),
    ]
    address: Annotated[Address, About("Where the proxy behind it really is.", '"127.0.0.1:8443"')]
    private_dns_name: Annotated[
        HostName | None,
        About(
            "Its private DNS name, which is the host of the store's XksProxyUriEndpoint.",
            '"xks.internal.example.com"',
            "a host name in lower case",
        ),
    ] = None
    private_dns_state: Annotated[
        Literal["verified", "pendingVerification", "failed"],
        About(
            "Whether its owner has proved that the name is his; only `verified` will do.",
            '"pendingVerification"',
            '"verified", "pendingVerification" or "failed"',
        ),
    ] = "verified"
    owner: Annotated[
        AccountId | None,
        About(
            "The AWS account it belongs to; without it, that of `kms.account`.", '"111122223333"', "12 digits in quotes"
        ),
    ] = None
    allowed_principals: Annotated[
        tuple[SubjectName, ...] | None,
        About(
            "Who may use it, `*` being everybody; without it, KMS in its Region: cks.kms.REGION.amazonaws.com.",
            '["cks.kms.eu-central-1.amazonaws.com"]',
            "a list of names",
        ),
    ] = None
    acceptance_required: Annotated[
        bool, About("Whether its owner must accept each connection; then KMS does not use it.", "false")
    ] = False
    load_balancer: Annotated[
        Literal["network", "gateway"],
        About("What stands before the proxy; only `network` will do.", '"network"', '"network" or "gateway"'),
    ] = "network"
    availability_zones: Annotated[
        int,
        msgspec.Meta(ge=1, le=16),
        About(
            "In how many Availability Zones the load balancer is; KMS needs two.", "2", "a whole number from 1 to 16"
        ),
    ] = 2


OperationName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Za-z]{2,63}\Z")]
_COUNT = "a whole number from 0 to 100000000"
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]


class KmsQuotaSettings(Settings, frozen=True, kw_only=True):
    """How much an account may have and ask for. What it may have is AWS's; requests are not counted unless set."""

    custom_key_stores: Annotated[
        Count, About("Custom key stores of an account and Region; 0 for any number.", "10", _COUNT)
    ] = 10
    keys: Annotated[Count, About("KMS keys of an account and Region; 0 for any number.", "100000", _COUNT)] = 100_000
    aliases_per_key: Annotated[Count, About("Aliases of a KMS key; 0 for any number.", "50", _COUNT)] = 50
    grants_per_key: Annotated[Count, About("Grants of a KMS key; 0 for any number.", "50000", _COUNT)] = 50_000
    cryptographic_requests: Annotated[
        Count,
        About(
            "Cryptographic requests a second of an account and Region, all operations together; 5500, 10000 or 50000 "
            "at AWS, by Region. 0: not counted.",
            "10000",
            _COUNT,
        ),
    ] = 0
    custom_key_store_requests: Annotated[
        Count,
        About(
            "Cryptographic requests a second with the keys of one external key store, of all accounts together; 1800 "
            "at AWS. What is beyond never reaches the proxy. 0: not counted.",
            "1800",
            _COUNT,
        ),
    ] = 0
    management_requests: Annotated[
        bool,
        About(
            "Whether the other operations have AWS's rates: 5 a second for CreateKey, 15 for PutKeyPolicy, and so on. "
            "Too few for Terraform and most test suites.",
            "true",
        ),
    ] = False
    requests: Annotated[
        dict[OperationName, Count],
        About(
            "Requests a second of an account and Region for one operation, in place of AWS's rate. 0: not counted.",
            "5",
            _COUNT,
        ),
    ] = {}


class EventSettings(Settings, frozen=True, kw_only=True):
    """A record of every call, as AWS CloudTrail would make and deliver it. Without this section there is none."""

    directory: Annotated[
        Path, About("Where the files are delivered, below AWSLogs/ACCOUNT/CloudTrail.", '"/var/log/hyok-kms/events"')
    ]
    format: Annotated[
        Literal["gzip", "lines"],
        About(
            'What a file is. `gzip`: compressed `{"Records": […]}`, as CloudTrail delivers. `lines`: one event on each '
            "line, as text.",
            '"gzip"',
            '"gzip" or "lines"',
        ),
    ] = "gzip"
    deliver_seconds: Annotated[
        Seconds,
        About("How long a file is filled before it is delivered; some five minutes at AWS.", "60.0", _SECONDS),
    ] = 60.0


class KmsSettings(Settings, frozen=True, kw_only=True):
    """The KMS service, on the other side of the trust line."""

    listen: Annotated[Address, About("Where it serves the AWS API.", '"127.0.0.1:4580"')] = Address("127.0.0.1", 4580)
    certificate: Annotated[
        SecretReference | None,
        About("Its certificate and chain (PEM); without one it speaks plain HTTP.", '"file:/etc/hyok/kms/server.pem"'),
    ] = None
    private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/kms/server.key"')
    ] = None
    signatures: Annotated[
        Signatures,
        About(
            "Whether callers prove who they are: verify lets in the principals that `hyok principal create` made; "
            "any-credentials believes what a caller says, on loopback only.",
            '"verify"',
            '"verify" or "any-credentials"',
        ),
    ] = "verify"
    account: Annotated[
        AccountId,
        About(
            "The AWS account of principals named without one, and of unverified callers whose access key id is not "
            "itself an account id.",
            '"123456789012"',
            "12 digits in quotes",
        ),
    ]
    region: Annotated[
        RegionName,
        About(
            "The Region it is in; a call whose signature names another is served there.",
            '"eu-central-1"',
            'a Region such as "eu-central-1"',
        ),
    ]
    xks_authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign proxies' certificates (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/kms/xks-ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None,
        About("What it shows to proxies that ask for mutual TLS (PEM).", '"file:/etc/hyok/kms/client.pem"'),
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/kms/client.key"')
    ] = None
    connection_delay_seconds: Annotated[
        float,
        msgspec.Meta(ge=0.01, le=3600),
        About(
            "How long a custom key store is CONNECTING or DISCONNECTING: minutes at AWS, and never nothing, so that "
            "clients learn to wait.",
            "0.2",
            "a number from 0.01 to 3600",
        ),
    ] = 0.2
    health_check_seconds: Annotated[
        float,
        msgspec.Meta(ge=1, le=3600),
        About(
            "How often the proxy of a connected custom key store is asked for its health: every few minutes at AWS.",
            "60.0",
            "a number from 1 to 3600",
        ),
    ] = 60.0
    storage: StorageSettings
    root_key: RootKeySettings
    endpoint_map: Annotated[
        dict[HostName, Address],
        About("Where the host name of an XKS endpoint really is, as curl's --resolve.", '"127.0.0.1:8443"'),
    ] = {}
    vpc_endpoint_services: tuple[VpcEndpointServiceSettings, ...] = ()
    events: EventSettings | None = None
    quotas: KmsQuotaSettings = KmsQuotaSettings()


class AuthorizerSettings(Settings, frozen=True, kw_only=True):
    """An HTTP service that decides on each use of a key besides the policies, as the Open Policy Agent answers."""

    url: Annotated[
        AuthorizerUrl,
        About(
            "What is asked, with a POST, by each request that policies allow; who does not answer refuses it.",
            '"https://opa.example.com:8181/v1/data/hyok/allow"',
            "an https:// URL; http:// on this machine only",
        ),
    ]
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign its certificate (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/opa/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None, About("What it is shown (PEM).", '"file:/etc/hyok/opa/client.pem"')
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/opa/client.key"')
    ] = None
    token: Annotated[SecretReference | None, About("A bearer token for it.", '"file:/run/secrets/opa-token"')] = None


class DecryptSettings(Settings, frozen=True, kw_only=True):
    """What is watched for in decryptions; each rule is off, flags a request in its record, or refuses it."""

    unusual_rate: Annotated[
        WatchRule,
        About(
            "A principal that decrypts more in a minute than both `rate_floor` and `rate_factor` times its own usual.",
            '"flag"',
            _WATCH_RULE,
        ),
    ] = "off"
    rate_factor: Annotated[
        float,
        msgspec.Meta(ge=1.5, le=1000),
        About("How many times its usual.", "10.0", "a number from 1.5 to 1000"),
    ] = 10.0
    rate_floor: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        About("Decryptions in a minute that are never unusual.", "600", "a whole number from 1 to 1000000"),
    ] = 600
    new_caller: Annotated[
        WatchRule,
        About(
            "An account or a service for which a key decrypts for the first time; what is refused is not learnt: see "
            "`hyok policy callers`.",
            '"flag"',
            _WATCH_RULE,
        ),
    ] = "off"
    outside_hours: Annotated[
        WatchRule, About("A decryption on another day or at another hour than these.", '"flag"', _WATCH_RULE)
    ] = "off"
    hours: Annotated[
        str,
        msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z"),
        About("From when until when, in UTC.", '"07:00-19:30"', "HH:MM-HH:MM"),
    ] = "00:00-24:00"
    days: Annotated[
        tuple[DayOfWeek, ...],
        msgspec.Meta(min_length=1),
        About("On which days, in UTC.", '["Mon", "Tue", "Wed", "Thu", "Fri"]', "a list of Mon to Sun"),
    ] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class AuthorizationSettings(Settings, frozen=True, kw_only=True):
    """Who may use the keys, besides the policies that `hyok policy` sets."""

    organizations: Annotated[
        dict[OrganizationId, AccountIds],
        About(
            "The accounts of each organization, for the condition key aws:PrincipalOrgID.",
            '["111122223333", "444455556666"]',
        ),
    ] = {}
    authorizer: AuthorizerSettings | None = None
    decrypts: DecryptSettings | None = None


class FileSettings(Settings, frozen=True, kw_only=True):
    """All that the file can hold."""

    storage: StorageSettings | None = None
    root_key: RootKeySettings | None = None
    proxy: ProxySettings | None = None
    key_managers: dict[Name, KeyManagerSettings] = {}
    authorization: AuthorizationSettings = AuthorizationSettings()
    audit: AuditSettings = AuditSettings()
    withdrawal: WithdrawalSettings = WithdrawalSettings()
    metrics: MetricsSettings | None = None
    kms: KmsSettings | None = None
