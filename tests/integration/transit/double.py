"""A double of OpenBao: the few endpoints that hyok and its tests use, over HTTPS, with real AES-GCM.

Built from the exchanges in tests/vectors/openbao-transit.json, which a test replays against it. What those do not show
(initialisation, unsealing, namespaces, tokens made by the root, Kubernetes and certificate logins) follows OpenBao's
documentation. It is not OpenBao: with HYOK_TEST_OPENBAO the same tests run against the real one.

`python -m tests.integration.transit.double --certificate PEM --key PEM --authority PEM` prints its port on a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import signal
import ssl
import time
import uuid
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from tests.integration.transit.double_logins import METHODS, LoginMethod
from tests.integration.transit.double_replies import NOTHING, Json, RefusedError, Reply, invalid, reply, unsupported
from tests.integration.transit.double_tokens import Grant, Policies, Token, Tokens, seconds_of
from tests.integration.transit.double_transit import TransitEngine

MAX_JSON_STRINGS = 1000
"""`max_request_json_strings` as OpenBao has it by default, keys counted too."""


class Double:
    """One server with all it holds."""

    def __init__(self) -> None:
        self._is_initialized = False
        self._is_sealed = True
        self._unseal_key = secrets.token_hex(32)
        self._cluster = (f"vault-cluster-{secrets.token_hex(4)}", str(uuid.uuid4()))
        self._namespaces = {""}
        self._engines: dict[tuple[str, str], TransitEngine] = {}
        self._logins: dict[tuple[str, str], LoginMethod] = {}
        self._policies = Policies()
        self._tokens = Tokens()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request."""
        body = await request.read()
        try:
            if not request.path.startswith("/v1/"):
                raise unsupported()
            answered = await self._serve(request, request.path.removeprefix("/v1/"), _fields(body))
        except RefusedError as refusal:
            answered = refusal.reply
        if answered.body is None:
            return web.Response(status=answered.status)
        return web.Response(status=answered.status, body=json.dumps(answered.body), content_type="application/json")

    async def _serve(self, request: web.BaseRequest, path: str, fields: Json) -> Reply:
        namespace = request.headers.get("X-Vault-Namespace", "").strip("/")
        method = "POST" if request.method == "PUT" else request.method
        if path in ("sys/health", "sys/init", "sys/unseal"):
            if namespace:
                raise unsupported()
            return self._serve_unauthenticated(path, fields)
        if self._is_sealed:
            raise RefusedError(503, "Vault is sealed")
        if namespace not in self._namespaces:
            raise _no_route(path)
        if path.startswith("auth/") and path.endswith("/login"):
            return await self._log_in(request, namespace, path, fields)
        token = self._tokens.find(request.headers.get("X-Vault-Token", ""), namespace)
        self._authorize(token, namespace, method, path, request.query_string)
        if path.startswith("auth/token/"):
            return self._serve_token(token, path.removeprefix("auth/token/"), fields, namespace)
        if path.startswith("sys/"):
            return self._serve_system(method, namespace, path.removeprefix("sys/"), fields)
        if path.startswith("auth/"):
            mount, _, below = path.removeprefix("auth/").partition("/")
            return self._login(namespace, mount).answer(method, below, fields)
        mount, _, below = path.partition("/")
        return self._engine(namespace, mount, path).answer(method, below, request.query_string, fields)

    def _serve_unauthenticated(self, path: str, fields: Json) -> Reply:
        match path:
            case "sys/init":
                if self._is_initialized:
                    raise invalid("Vault is already initialized")
                self._is_initialized = True
                root = self._tokens.give("", Grant(["root"], ttl=0, display_name="root", path="auth/token/root"))
                return Reply(200, {"keys": [self._unseal_key], "root_token": root.id})
            case "sys/unseal":
                if fields.get("key") != self._unseal_key:
                    raise invalid("invalid key")
                self._is_sealed = False
                return Reply(200, {"sealed": False, "t": 1, "n": 1, "progress": 0})
            case _:
                return self._health()

    def _health(self) -> Reply:
        is_standby = self._is_sealed
        told: Json = {
            "initialized": self._is_initialized,
            "sealed": self._is_sealed,
            "standby": is_standby,
            "replication_performance_mode": "unknown" if is_standby else "disabled",
            "replication_dr_mode": "unknown" if is_standby else "disabled",
            "server_time_utc": int(time.time()),
            "version": "2.0.0-HEAD",
        }
        if not self._is_sealed:
            told |= {"cluster_name": self._cluster[0], "cluster_id": self._cluster[1]}
        return Reply(501 if not self._is_initialized else 503 if self._is_sealed else 200, told)

    def _authorize(self, token: Token, namespace: str, method: str, path: str, query: str) -> None:
        capability = {"GET": "read", "LIST": "list", "DELETE": "delete", "POST": "update"}[method]
        if method == "GET" and "list=true" in query:
            capability = "list"
        mount, _, below = path.partition("/")
        engine = self._engines.get((namespace, mount))
        if method == "POST" and engine is not None and engine.creates(below):
            capability = "create"
        if not self._policies.allow(namespace, token.grant.policies, path, capability):
            raise RefusedError(403, "1 error occurred:\n\t* permission denied\n\n")

    async def _log_in(self, request: web.BaseRequest, namespace: str, path: str, fields: Json) -> Reply:
        connection = request.transport.get_extra_info("ssl_object") if request.transport else None
        certificate = connection.getpeercert(binary_form=True) if connection else None
        mount = path.removeprefix("auth/").removesuffix("/login")
        grant = await self._login(namespace, mount).log_in(fields, certificate)
        return reply(auth=self._tokens.give(namespace, grant).auth())

    def _serve_token(self, token: Token, action: str, fields: Json, namespace: str) -> Reply:
        match action:
            case "lookup-self":
                return reply(token.properties())
            case "renew-self":
                token.renew()
                return reply(auth=token.auth())
            case "revoke":
                self._tokens.revoke(fields["token"])
                return NOTHING
            case "create":
                grant = Grant(
                    policies=["default", *fields["policies"]],
                    ttl=seconds_of(fields["ttl"]),
                    max_ttl=seconds_of(fields.get("explicit_max_ttl", 0)),
                    is_renewable=fields.get("renewable", True),
                )
                return reply(auth=self._tokens.give(namespace, grant).auth())
            case _:
                raise unsupported()

    def _serve_system(self, method: str, namespace: str, path: str, fields: Json) -> Reply:
        match method, path.split("/"):
            case "POST", ["seal"]:
                self._is_sealed = True
            case "POST", ["mounts", mount]:
                if fields["type"] != "transit":
                    raise invalid("plugin not found in the catalog: " + fields["type"])
                self._engines[namespace, mount] = TransitEngine()
            case "POST", ["auth", mount]:
                self._logins[namespace, mount] = METHODS[fields["type"]]()
            case "POST", ["policies", "acl", name]:
                self._policies.put(namespace, name, fields["policy"])
            case "POST", ["namespaces", name]:
                self._namespaces.add(f"{namespace}/{name}".strip("/"))
                return reply({"path": f"{name}/"})
            case _:
                raise unsupported()
        return NOTHING

    def _engine(self, namespace: str, mount: str, path: str) -> TransitEngine:
        engine = self._engines.get((namespace, mount))
        if engine is None:
            raise _no_route(path)
        return engine

    def _login(self, namespace: str, mount: str) -> LoginMethod:
        login = self._logins.get((namespace, mount))
        if login is None:
            raise _no_route(f"auth/{mount}/login")
        return login


def _no_route(path: str) -> RefusedError:
    return RefusedError(404, f'no handler for route "{path}". route entry not found.')


def _fields(body: bytes) -> Json:
    fields = json.loads(body) if body else {}
    if _count_strings(fields) > MAX_JSON_STRINGS:
        raise invalid("the request has more strings than max_request_json_strings allows")
    return dict(fields)


def _count_strings(value: Any) -> int:
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return len(value) + sum(map(_count_strings, value.values()))
    if isinstance(value, list):
        return sum(map(_count_strings, value))
    return 0


async def _serve(certificate: Path, key: Path, authority: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # As OpenBao's listener: a client may show a certificate.
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    runner = web.ServerRunner(web.Server(Double().answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(runner.addresses[0][1], flush=True)
    await stopped.wait()
    await runner.cleanup()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--certificate", "--key", "--authority"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    uvloop.run(_serve(options.certificate, options.key, options.authority))


if __name__ == "__main__":
    main()
