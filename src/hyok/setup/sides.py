"""What `hyok init` and `hyok dev` make: the holder's side, and on demand a KMS's side that shares nothing with it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hyok.administration.credentials import CredentialPair, create_credential
from hyok.administration.external_keys import add_external_key
from hyok.administration.keys import create_key
from hyok.administration.keystores import KeyStore, create_key_store
from hyok.administration.principals import NewPrincipal, create_principal
from hyok.assembly.holder import open_holder
from hyok.assembly.kms import open_kms_storage
from hyok.clock import SystemClock
from hyok.config.configuration import load_configuration
from hyok.config.template import holder_template, kms_template
from hyok.custody.file_root import create_file_root
from hyok.kms.key_names import root_arn
from hyok.transport.development import ensure_development_certificates

CONFIGURATION_FILE = "hyok.toml"
KEY_MANAGER = "software"


class ServerCertificate(NamedTuple):
    """A certificate that was given: absolute paths."""

    certificate: Path
    private_key: Path


class HolderStart(NamedTuple):
    """What the operator has to know of a new holder's side."""

    key_store: KeyStore
    credential: CredentialPair
    external_key_id: str
    root_key_id: str


def make_holder(
    draft: Path, *, keystore: str, external_key_id: str, region: str | None, given: ServerCertificate | None, host: str
) -> HolderStart:
    """Fill an empty directory: configuration, root key, certificate, storage with key store, credential and key."""
    root = create_file_root(draft / "root.key")
    (draft / "audit").mkdir(mode=0o700)
    if given is None:
        ensure_development_certificates(draft / "tls", [host, "localhost", "127.0.0.1"], now=SystemClock().now())
    file = draft / CONFIGURATION_FILE
    file.write_text(
        holder_template(
            certificate="file:tls/server.pem" if given is None else f"file:{given.certificate}",
            private_key="file:tls/server.key" if given is None else f"file:{given.private_key}",
            is_development=given is None,
        ),
        "utf-8",
    )
    # Without the environment, whose overlay could lead to a storage in use.
    with open_holder(load_configuration(file, {})) as holder:
        key_store = create_key_store(holder.storage, holder.clock, name=keystore, regions=(region,) if region else ())
        credential = create_credential(holder.storage, holder.safe, holder.clock, key_store=keystore)
        create_key(holder.key_administrators[KEY_MANAGER], external_key_id)
        add_external_key(
            holder.storage,
            holder.clock,
            key_store=keystore,
            external_key_id=external_key_id,
            key_manager=KEY_MANAGER,
            manager_key_id=external_key_id,
        )
    return HolderStart(key_store, credential, external_key_id, root.id)


def make_kms(draft: Path, *, region: str, host: str, authorities: bytes | None) -> NewPrincipal:
    """Fill an empty directory: configuration, root key and storage of a KMS that trusts the CA given, if any.

    Its first principal is the account's root user.
    """
    create_file_root(draft / "root.key")
    if authorities is not None:
        (draft / "xks-ca.pem").write_bytes(authorities)
    reference = None if authorities is None else "file:xks-ca.pem"
    file = draft / CONFIGURATION_FILE
    file.write_text(kms_template(region=region, host=host, authorities=reference), "utf-8")
    settings = load_configuration(file, {}).require_kms()
    with open_kms_storage(settings) as (storage, safe):
        return create_principal(storage, safe, SystemClock(), arn=root_arn(settings.account, settings.region), tags={})
