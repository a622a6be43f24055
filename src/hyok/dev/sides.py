"""The two folders of `hyok dev`, one for each side of the trust line: they share nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from hyok.clock import SystemClock
from hyok.config.configuration import Configuration, load_configuration
from hyok.setup.new_directory import new_directory
from hyok.setup.sides import CONFIGURATION_FILE, make_holder, make_kms
from hyok.transport.development import DevelopmentCertificates, ensure_development_certificates

PROXY_HOST: Final = "xks.hyok.test"
KEY_STORE: Final = "dev"
EXTERNAL_KEY: Final = "dev-key"
LOOPBACK: Final = "127.0.0.1"
_REGION: Final = "eu-central-1"
_NO_QUOTAS: Final = """
[kms.quotas]
# None in development. Without a line, what an account may have is limited as at AWS: 10, 100000, 50 and 50000.
custom_key_stores = 0
keys = 0
aliases_per_key = 0
grants_per_key = 0
"""


class Sides(NamedTuple):
    """The configurations of both sides, and the certificate of the KMS's TLS endpoint."""

    holder: Configuration
    kms: Configuration
    kms_certificates: DevelopmentCertificates


def prepare(data: Path) -> Sides:
    """Make both sides in `data`, or open what an earlier start made there. OperatorError if that cannot be."""
    holder, kms = data / "holder", data / "kms"
    if not (holder / CONFIGURATION_FILE).exists():
        with new_directory(holder, last=CONFIGURATION_FILE) as draft:
            make_holder(
                draft, keystore=KEY_STORE, external_key_id=EXTERNAL_KEY, region=None, given=None, host=PROXY_HOST
            )
    # Renewed when they are about to expire: a folder of last year still works.
    now = SystemClock().now()
    certificates = ensure_development_certificates(holder / "tls", [PROXY_HOST, "localhost", LOOPBACK], now=now)
    if not (kms / CONFIGURATION_FILE).exists():
        with new_directory(kms, last=CONFIGURATION_FILE) as draft:
            make_kms(draft, region=_REGION, host=PROXY_HOST, authorities=certificates.authority.read_bytes())
            with (draft / CONFIGURATION_FILE).open("a", encoding="utf-8") as configuration:
                configuration.write(_NO_QUOTAS)
    (kms / "xks-ca.pem").write_bytes(certificates.authority.read_bytes())
    return Sides(
        load_configuration(holder / CONFIGURATION_FILE, {}),
        load_configuration(kms / CONFIGURATION_FILE, {}),
        ensure_development_certificates(kms / "tls", ["localhost", LOOPBACK], now=now),
    )
