"""The first configuration files, as `hyok init` writes them: every line says why it is there."""

from __future__ import annotations

import json
from string import Template
from typing import Final

_HOLDER: Final = Template("""\
# hyok, the holder's side: key managers and external key store proxy. Every setting stands in docs/configuration.md;
# `hyok config show` prints what is in force. Relative paths are relative to this file.

[storage]
url = "sqlite:///hyok.db"
# Refuses an older copy of the database; on storage that is not restored with it. To begin: `hyok anchor reset`.
# anchor = "/var/lib/hyok-anchor/holder.anchor"

# Wraps every key and secret in the storage. Without it they are lost; whoever has both has the keys. Keep a copy of it
# away from the storage and its backups, or hand it in at the start: "systemd-credential:NAME".
[root_key]
source = "file:root.key"

# Software keys, kept in the storage.
[key_managers.software]
kind = "embedded"

[proxy]
listen = "127.0.0.1:8443"             # "0.0.0.0:8443" lets other machines in; AWS KMS connects to port 443
$certificate_comment
certificate = $certificate
private_key = $private_key

# Mutual TLS: let in AWS KMS alone. Its certificates are signed by Amazon Trust Services.
# [proxy.client_certificates]
# authorities = "file:tls/amazon-trust-services.pem"
# subjects = ["cks.kms.eu-central-1.amazonaws.com"]

[audit]
directory = "audit"
""")

_KMS: Final = Template("""\
# hyok, the KMS's side of the trust line. Its storage and root key are its own: keep them from the holder's, for whoever
# has both sides can decrypt. Relative paths are relative to this file.

[kms]
listen = "127.0.0.1:4580"             # an address that others can reach needs certificate and private_key, too
account = "123456789012"              # callers are principals: `hyok principal list`
region = $region
$authorities

[kms.storage]
url = "sqlite:///kms.db"

[kms.root_key]
source = "file:root.key"

# Where the host name of a proxy really is, as curl's --resolve: AWS KMS knows no port but 443.
[kms.endpoint_map]
$host = "127.0.0.1:8443"
""")

_DEVELOPMENT: Final = """\
# For development: AWS KMS accepts only a certificate of a public CA, for a public host name."""
_GIVEN: Final = "# Of a public CA, for the host name that AWS KMS is told."


def holder_template(*, certificate: str, private_key: str, is_development: bool) -> str:
    """Return the holder's file; the two are references."""
    return _HOLDER.substitute(
        certificate=_quote(certificate),
        private_key=_quote(private_key),
        certificate_comment=_DEVELOPMENT if is_development else _GIVEN,
    )


def kms_template(*, region: str, host: str, authorities: str | None) -> str:
    """Return the KMS's file; `host` is the proxy's name, `authorities` a reference, or None for those of the system."""
    line = "# xks_authorities: those the system trusts" if authorities is None else _trust(authorities)
    return _KMS.substitute(region=_quote(region), host=_quote(host), authorities=line)


def pkcs11_section(name: str, *, module: str, token_label: str, pin: str, preset: str, iv: str | None) -> str:
    """Return the section of an HSM, to be put behind what a file holds; `iv` only if it is not the preset's."""
    lines = [
        "",
        f"[key_managers.{name}]",
        'kind = "pkcs11"',
        f"module = {_quote(module)}",
        f"token = {{ label = {_quote(token_label)} }}",
        f"pin = {_quote(pin)}",
        f"preset = {_quote(preset)}",
        *(() if iv is None else (f"iv = {_quote(iv)}",)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _trust(authorities: str) -> str:
    return f"xks_authorities = {_quote(authorities)}    # who signed the certificate of the proxy"


def _quote(text: str) -> str:
    # What JSON escapes, a TOML basic string escapes alike; DEL is TOML's alone, surrogate pairs are JSON's.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
