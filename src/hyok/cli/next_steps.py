"""What to do after `hyok init`, as lines to read and to paste."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyok.setup.sides import HolderStart

_PLACEHOLDER = "xks.YOUR-DOMAIN.example"


def describe_next_steps(
    start: HolderStart, directory: Path, *, kms_directory: Path | None, host: str, is_development: bool
) -> str:
    """Return the steps, numbered. No secret stands in them."""
    steps = [
        _keep_secrets(directory),
        *([_replace_certificate(directory)] if is_development else []),
        _serve(directory),
        _create_at_aws(start, directory, host=_PLACEHOLDER if is_development else host),
        *([_rehearse(kms_directory, host=host)] if kms_directory is not None else []),
    ]
    return "\nNext\n" + "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))


def _keep_secrets(directory: Path) -> str:
    return (
        f"Keep the secret access key; it is not shown again. Keep a copy of {directory / 'root.key'}\n"
        f"   away from {directory / 'hyok.db'}: without it every key is lost, and together they are the keys."
    )


def _replace_certificate(directory: Path) -> str:
    return (
        "The certificate is for development. AWS KMS connects only to a public host name, on port 443, with a\n"
        f"   certificate of a public CA: set certificate and private_key of [proxy] in {directory / 'hyok.toml'}."
    )


def _serve(directory: Path) -> str:
    config = shlex.quote(str(directory / "hyok.toml"))
    return f"Check and serve:\n     hyok config check --config {config}\n     hyok proxy serve --config {config}"


def _create_at_aws(start: HolderStart, directory: Path, *, host: str) -> str:
    name, config = start.key_store.name, shlex.quote(str(directory / "hyok.toml"))
    return (
        "Make the external key store at AWS, in the console with the file that the first command writes, or with\n"
        "   the AWS CLI (version 1 first needs: aws configure set cli_follow_urlparam false):\n"
        f"     hyok keystore console-file {name} {name}.json --config {config}\n"
        f"     aws kms create-custom-key-store --custom-key-store-name {name} \\\n"
        "       --custom-key-store-type EXTERNAL_KEY_STORE --xks-proxy-connectivity PUBLIC_ENDPOINT \\\n"
        f"       --xks-proxy-uri-endpoint https://{host} --xks-proxy-uri-path {start.key_store.uri_path} \\\n"
        "       --xks-proxy-authentication-credential \\\n"
        f"       AccessKeyId={start.credential.access_key_id},RawSecretAccessKey=…\n"
        "     aws kms connect-custom-key-store --custom-key-store-id cks-…\n"
        "     aws kms create-key --origin EXTERNAL_KEY_STORE --custom-key-store-id cks-… \\\n"
        f"       --xks-key-id {start.external_key_id}"
    )


def _rehearse(kms_directory: Path, *, host: str) -> str:
    config = shlex.quote(str(kms_directory / "hyok.toml"))
    return (
        "Or rehearse it without AWS: serve the other side, and give the same aws commands the access key of its\n"
        f"   principal, --endpoint-url http://127.0.0.1:4580 and the endpoint https://{host}:\n"
        f"     hyok kms serve --config {config}"
    )
