"""A settings.toml as a site of AWS's sample proxy would have it. Written for these tests."""

from __future__ import annotations

from pathlib import Path

from tests.integration.pkcs11.softhsm import PIN, SOFTHSM

ACCESS_KEY_ID = "SAMPLEACCESSKEYID234567A"
SECRET = "a+secret/of/the/sample+proxy/a+secret/of/the/sample"
OTHER_ACCESS_KEY_ID = "SAMPLEACCESSKEYID234567B"
PREFIX = "/finance/payroll"

_TEMPLATE = """\
[server]
ip = "0.0.0.0"
port = 8443
region = "eu-central-1"
service = "kms-xks-proxy"
{metadata}

[server.tcp_keepalive]
tcp_keepalive_secs = 60

[tracing]
is_stdout_writer_enabled = true
is_file_writer_enabled = false

[security]
is_sigv4_auth_enabled = true
is_tls_enabled = true
is_mtls_enabled = true
secondary_auth = "Oso"
[security.oso]
polar_file_path = "configuration/oso.polar"

[tls]
tls_cert_pem = "tls/server_cert.pem"
tls_key_pem = "tls/server_key.pem"
mtls_client_ca_pem = "tls/client_ca.pem"
mtls_client_dns_name = "eu-central-1.cks.kms.aws.internal.amazonaws.com"

[[external_key_stores]]
uri_path_prefix = "{prefix}"
sigv4_access_key_id = "{access_key_id}"
sigv4_secret_access_key = "{secret}"
xks_key_id_set = {keys}

[[external_key_stores]]
uri_path_prefix = ""
sigv4_access_key_id = "{other}"
sigv4_secret_access_key = "{secret}"
xks_key_id_set = ["foo"]

[pkcs11]
session_pool_max_size = 30
session_pool_timeout_milli = 0
session_eager_close = false
user_pin = "{pin}"
PKCS11_HSM_MODULE = "{module}"
context_read_timeout_milli = 10

[limits]
max_plaintext_in_base64 = 8192
max_aad_in_base64 = 16384

[hsm_capabilities]
can_generate_iv = {can_generate_iv}
is_zero_iv_required = {is_zero_iv_required}
"""


def sample_settings(
    *,
    metadata: str = "",
    keys: str = '["foo"]',
    module: Path = SOFTHSM,
    can_generate_iv: bool = False,
    is_zero_iv_required: bool = False,
) -> str:
    """Return the text of the file."""
    return _TEMPLATE.format(
        metadata=f'ciphertext_metadata_b64 = "{metadata}"' if metadata else "",
        prefix=PREFIX,
        access_key_id=ACCESS_KEY_ID,
        other=OTHER_ACCESS_KEY_ID,
        secret=SECRET,
        keys=keys,
        pin=PIN.decode(),
        module=module,
        can_generate_iv=str(can_generate_iv).lower(),
        is_zero_iv_required=str(is_zero_iv_required).lower(),
    )
