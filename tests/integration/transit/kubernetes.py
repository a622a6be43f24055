"""As much of Kubernetes as a login needs: a service account token, and the API that says whether it is good."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trustme
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NAMESPACE = "proxies"
SERVICE_ACCOUNT = "hyok"
AUDIENCE = "openbao"
_UID = "279d1e33-8d59-11e9-8f04-80c697af5b67"


def service_account_token() -> str:
    """Make a token as a pod finds it: a JWT, signed with ES256."""
    now = int(time.time())
    claims = {
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}",
        "aud": [AUDIENCE],
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "kubernetes.io": {"namespace": NAMESPACE, "serviceaccount": {"name": SERVICE_ACCOUNT, "uid": _UID}},
    }
    signed = f"{_part({'alg': 'ES256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = ec.generate_private_key(ec.SECP256R1()).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signature)
    return f"{signed}.{_encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def token_reviews(good_token: str, authority: trustme.CA) -> Iterator[str]:
    """Run an API server that calls one token good; yields its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def review(request: web.BaseRequest) -> web.Response:
        asked = await request.json()
        status: dict[str, Any] = {"authenticated": asked["spec"]["token"] == good_token}
        if status["authenticated"]:
            name = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"]
            status |= {"user": {"username": name, "uid": _UID, "groups": groups}, "audiences": [AUDIENCE]}
        return web.json_response({**asked, "status": status}, status=201)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        runner = asyncio.run_coroutine_threadsafe(_begin(review, context), loop).result(10)
        yield f"https://localhost:{runner.addresses[0][1]}"
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _begin(
    handler: Callable[[web.BaseRequest], Awaitable[web.Response]], context: ssl.SSLContext
) -> web.ServerRunner:
    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    return runner


def _part(fields: dict[str, Any]) -> str:
    return _encode(json.dumps(fields).encode())


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
