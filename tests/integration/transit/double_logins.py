"""The double's login methods: AppRole as recorded; Kubernetes and certificates after OpenBao's documentation."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tests.integration.transit.double_replies import NOTHING, Json, RefusedError, Reply, invalid, reply, unsupported
from tests.integration.transit.double_tokens import Grant, seconds_of


class LoginMethod(Protocol):
    """One mount of a login method."""

    def answer(self, method: str, path: str, fields: Json) -> Reply:
        """Answer an operator's request; `path` begins below the mount."""
        ...

    async def log_in(self, fields: Json, certificate: bytes | None) -> Grant:
        """Return what a login gives; `certificate` is the client's, in DER. RefusedError."""
        ...


class AppRole:
    """Role ids and secret ids."""

    def __init__(self) -> None:
        self._roles: dict[str, Json] = {}
        self._role_ids: dict[str, str] = {}
        self._secret_ids: dict[str, set[str]] = {}

    def answer(self, method: str, path: str, fields: Json) -> Reply:
        match method, path.split("/"):
            case "POST", ["role", name]:
                self._roles[name] = fields
                self._role_ids.setdefault(name, secrets.token_hex(16))
                self._secret_ids.setdefault(name, set())
                return NOTHING
            case "GET", ["role", name, "role-id"]:
                return reply({"role_id": self._role_ids[name]})
            case "POST", ["role", name, "secret-id"]:
                secret_id = secrets.token_hex(16)
                self._secret_ids[name].add(secret_id)
                return reply(
                    {
                        "secret_id": secret_id,
                        "secret_id_accessor": secrets.token_hex(16),
                        "secret_id_num_uses": 0,
                        "secret_id_ttl": 0,
                    }
                )
            case _:
                raise unsupported()

    async def log_in(self, fields: Json, certificate: bytes | None) -> Grant:
        for name, role_id in self._role_ids.items():
            if role_id == fields.get("role_id") and fields.get("secret_id") in self._secret_ids[name]:
                return _grant(self._roles[name], "approle", {"role_name": name})
        raise invalid("invalid role or secret ID")


class Kubernetes:
    """Service account tokens, which the API server of Kubernetes is asked about."""

    def __init__(self) -> None:
        self._configuration: Json = {}
        self._roles: dict[str, Json] = {}

    def answer(self, method: str, path: str, fields: Json) -> Reply:
        match method, path.split("/"):
            case "POST", ["config"]:
                self._configuration = fields
                return NOTHING
            case "POST", ["role", name]:
                self._roles[name] = fields
                return NOTHING
            case _:
                raise unsupported()

    async def log_in(self, fields: Json, certificate: bytes | None) -> Grant:
        role = self._roles.get(str(fields.get("role")))
        if role is None:
            raise invalid(f'invalid role name "{fields.get("role")}"')
        context = ssl.create_default_context(cadata=self._configuration["kubernetes_ca_cert"])
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": fields["jwt"]}}
        url = f"{self._configuration['kubernetes_host']}/apis/authentication.k8s.io/v1/tokenreviews"
        async with aiohttp.ClientSession() as session, session.post(url, json=review, ssl=context) as answer:
            status: Json = (await answer.json())["status"]
        user = status.get("user", {}).get("username", "")
        allowed = (
            f"system:serviceaccount:{role['bound_service_account_namespaces']}:{role['bound_service_account_names']}"
        )
        if not status.get("authenticated") or user != allowed:
            raise RefusedError(403, "permission denied")
        return _grant(role, "kubernetes", {"role": str(fields["role"])})


class Certificates:
    """Client certificates of the TLS connection."""

    def __init__(self) -> None:
        self._roles: dict[str, Json] = {}

    def answer(self, method: str, path: str, fields: Json) -> Reply:
        match method, path.split("/"):
            case "POST", ["certs", name]:
                self._roles[name] = fields
                return NOTHING
            case _:
                raise unsupported()

    async def log_in(self, fields: Json, certificate: bytes | None) -> Grant:
        if certificate is None:
            raise invalid("client certificate must be supplied")
        shown = x509.load_der_x509_certificate(certificate)
        for name, role in self._roles.items():
            if fields.get("name", name) != name:
                continue
            try:
                shown.verify_directly_issued_by(x509.load_pem_x509_certificate(role["certificate"].encode()))
            except (ValueError, InvalidSignature):
                continue
            return _grant(role, "cert", {"cert_name": name})
        raise invalid("invalid certificate or no client certificate supplied")


METHODS: Mapping[str, Callable[[], LoginMethod]] = {"approle": AppRole, "kubernetes": Kubernetes, "cert": Certificates}


def _grant(role: Json, kind: str, meta: dict[str, str]) -> Grant:
    policies = role.get("token_policies", [])
    named = policies.split(",") if isinstance(policies, str) else list(policies)
    return Grant(
        policies=["default", *named],
        ttl=seconds_of(role.get("token_ttl", "768h")),
        max_ttl=seconds_of(role.get("token_max_ttl", 0)),
        display_name=kind,
        path=f"auth/{kind}/login",
        meta=meta,
    )
