"""The ways to log in."""

from __future__ import annotations

import asyncio

from hyok.clock import Deadline
from hyok.errors import HyokError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.transit.client import Request, TransitClient
from hyok.keymanagers.transit.setup import (
    AppRoleLogin,
    CertificateLogin,
    KubernetesLogin,
    Login,
    SecretSource,
    TokenLogin,
)
from hyok.keymanagers.transit.wire import TokenLease, decode_login, decode_token, encode_fields
from hyok.secret import Secret


async def log_in(client: TransitClient, login: Login, deadline: Deadline) -> TokenLease:
    """Log in with what the method's secret is now. KeyManagerError."""
    match login:
        case TokenLogin(token):
            return await _adopt(client, await _fetch(token), deadline)
        case AppRoleLogin(mount, role_id, secret_id):
            fields = {"role_id": role_id, "secret_id": await _fetch(secret_id)}
        case KubernetesLogin(mount, role, service_account_token):
            fields = {"role": role, "jwt": await _fetch(service_account_token)}
        case CertificateLogin(mount, role):
            fields = {"name": role} if role else {}
    request = Request("POST", f"/v1/auth/{mount}/login", encode_fields(fields))
    return decode_login(await client.exchange(request, None, deadline))


async def _adopt(client: TransitClient, token: str, deadline: Deadline) -> TokenLease:
    """Find out how long a token that was given to us lives."""
    request = Request("GET", "/v1/auth/token/lookup-self")
    properties = decode_token(await client.exchange(request, Secret(token.encode()), deadline))
    seconds = 0 if properties.expire_time is None else max(1, properties.ttl)
    return TokenLease(token, seconds, properties.renewable)


async def _fetch(source: SecretSource) -> str:
    try:
        # In a thread, because it reads a file.
        secret = await asyncio.get_running_loop().run_in_executor(None, source)
        text = secret.reveal().decode("ascii").strip()
    except HyokError as error:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, str(error)) from error
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:  # a line feed has no place in a header
        detail = "what is to log in with is not one line of ASCII text"
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, detail)
    return text
