"""What AWS's sample proxy is told by its settings.toml, as far as hyok can take it over.

The sample (github.com/aws-samples/aws-kms-xks-proxy) opens the first slot of its PKCS#11 library and finds each key
there by its label, which is the external key id too. What this reader does not name concerns the sample's own running.
"""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.config.sources import parse_tables
from hyok.errors import OperatorError
from hyok.keymanagers.pkcs11.dialects import PRESETS, IvSource
from hyok.proxy.predecessors import AadLayout, Predecessor, PredecessorError, parse_predecessor
from hyok.secret import Secret

_PRESETS_BY_LIBRARY: Final = (
    ("softhsm", "softhsm"),
    ("cloudhsm", "aws-cloudhsm"),
    ("cknfast", "nshield"),
    ("cryptoki2", "luna"),
    ("cryptoki", "protectserver"),
)
"""What the file name of a maker's library holds, in lower case; the first that fits."""


class SampleKeyStore(NamedTuple):
    """One of its external key stores."""

    path_prefix: str
    access_key_id: str
    secret_access_key: Secret
    key_ids: tuple[str, ...]


class SampleTls(NamedTuple):
    """Its certificates, as it was told where they are."""

    certificate: str
    private_key: str
    client_authorities: str
    """Empty without mutual TLS, as the next."""
    client_subject: str


class SampleSettings(NamedTuple):
    """What hyok takes over."""

    region: str
    port: int
    key_stores: tuple[SampleKeyStore, ...]
    module: Path
    """The maker's PKCS#11 library, also where the sample logs through another."""
    pin: Secret
    iv_source: IvSource
    predecessors: tuple[Predecessor, ...]
    tls: SampleTls | None
    left_behind: tuple[str, ...]
    """What is not taken over, in sentences."""

    @property
    def preset(self) -> str:
        """The preset that the name of the library and the IV's origin stand for; each start proves it."""
        name = self.module.name.lower()
        preset = next((preset for part, preset in _PRESETS_BY_LIBRARY if part in name), "standard")
        return "luna-without-fips" if preset == "luna" and self.iv_source is IvSource.HOST else preset

    @property
    def iv(self) -> IvSource | None:
        """Who makes the IV, where that is not what the preset says."""
        return None if PRESETS[self.preset].iv_source is self.iv_source else self.iv_source


def read_sample_settings(content: bytes, *, name: str) -> SampleSettings:
    """Read a settings.toml; `name` stands in the OperatorError, which never holds a value."""
    try:
        file = msgspec.convert(parse_tables(content, name=name), _File)
    except msgspec.ValidationError as error:
        raise OperatorError(f"{name} is no settings.toml of AWS's sample proxy: {error}") from None
    logger = file.pkcs11_logger.PKCS11_LOGGER_LIBRARY_PATH if file.pkcs11_logger is not None else ""
    return SampleSettings(
        region=file.server.region,
        port=file.server.port,
        key_stores=tuple(_key_store(each) for each in file.external_key_stores),
        module=Path(logger or file.pkcs11.PKCS11_HSM_MODULE),
        pin=Secret(file.pkcs11.user_pin.encode()),
        iv_source=_iv_source(file.hsm_capabilities),
        predecessors=_predecessors(file.server.ciphertext_metadata_b64, name=name),
        tls=_tls(file),
        left_behind=tuple(_left_behind(file.security)),
    )


class _Server(msgspec.Struct):
    region: str
    port: int
    ciphertext_metadata_b64: str = ""


class _SecondaryAuthorization(Enum):
    OSO = "Oso"


class _Security(msgspec.Struct):
    is_sigv4_auth_enabled: bool = True
    is_tls_enabled: bool = True
    is_mtls_enabled: bool = False
    secondary_auth: _SecondaryAuthorization | None = None


class _Tls(msgspec.Struct):
    tls_cert_pem: str
    tls_key_pem: str
    mtls_client_ca_pem: str = ""
    mtls_client_dns_name: str = ""


class _KeyStore(msgspec.Struct):
    uri_path_prefix: str
    sigv4_access_key_id: str
    sigv4_secret_access_key: str
    xks_key_id_set: list[str]


class _Pkcs11(msgspec.Struct):
    user_pin: str
    PKCS11_HSM_MODULE: str


class _Pkcs11Logger(msgspec.Struct):
    PKCS11_LOGGER_LIBRARY_PATH: str = ""


class _Capabilities(msgspec.Struct):
    can_generate_iv: bool
    is_zero_iv_required: bool


class _File(msgspec.Struct):
    server: _Server
    external_key_stores: list[_KeyStore]
    pkcs11: _Pkcs11
    hsm_capabilities: _Capabilities
    security: _Security = msgspec.field(default_factory=_Security)
    tls: _Tls | None = None
    pkcs11_logger: _Pkcs11Logger | None = None


def _key_store(read: _KeyStore) -> SampleKeyStore:
    secret = Secret(read.sigv4_secret_access_key.encode())
    return SampleKeyStore(
        read.uri_path_prefix, read.sigv4_access_key_id, secret, tuple(sorted(set(read.xks_key_id_set)))
    )


def _iv_source(capabilities: _Capabilities) -> IvSource:
    if not capabilities.can_generate_iv:
        return IvSource.HOST
    # A token that is passed zeros writes its IV over them; one that is passed nothing appends it to its output.
    return IvSource.WRITTEN_BACK if capabilities.is_zero_iv_required else IvSource.APPENDED


def _predecessors(encoded: str, *, name: str) -> tuple[Predecessor, ...]:
    """Return what the sample may have written: with the metadata set now, and without, before that was set."""
    without = Predecessor(AadLayout.AWS_SAMPLE)
    if not encoded:
        return (without,)
    try:
        base64.b64decode(encoded, validate=True)
        return (parse_predecessor(f"{AadLayout.AWS_SAMPLE.value}:{encoded}"), without)
    except (binascii.Error, PredecessorError) as error:
        raise OperatorError(f"{name}: server.ciphertext_metadata_b64 cannot be taken over: {error}") from error


def _tls(file: _File) -> SampleTls | None:
    if file.tls is None or not file.security.is_tls_enabled:
        return None
    is_mutual = file.security.is_mtls_enabled
    return SampleTls(
        file.tls.tls_cert_pem,
        file.tls.tls_key_pem,
        file.tls.mtls_client_ca_pem if is_mutual else "",
        file.tls.mtls_client_dns_name if is_mutual else "",
    )


def _left_behind(security: _Security) -> list[str]:
    found = []
    if not security.is_sigv4_auth_enabled:
        found.append("it checks no signatures; hyok always does, with the credentials in this file")
    if not security.is_tls_enabled:
        found.append("it serves without TLS; hyok needs a certificate in [proxy]")
    if security.secondary_auth is not None:
        found.append("its secondary authorization (Oso) is not taken over; write a policy of hyok's instead")
    return found
