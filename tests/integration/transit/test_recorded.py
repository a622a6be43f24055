"""Every exchange recorded from a real OpenBao, in its order, against the server that the other tests run against.

Compared: the status, and the body with each value that a server makes up itself (ids, tokens, times, ciphertexts,
public keys) replaced by its shape: type, length, and what a pattern finds. A plaintext, an error text, a version, a
flag must be the very same. What the recording put into later requests (a ciphertext, a role id, a token) is replaced by
what this server gave in its stead; a ciphertext that the recording altered on purpose is altered in the same place.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.transit.servers import Answer, Server, running_server

EXCHANGES = json.loads((Path(__file__).parents[2] / "vectors" / "openbao-transit.json").read_text())["exchanges"]
_TIMES = {"server_time_utc", "creation_time", "ttl", "last_renewal_time"}
_TEXT_TIMES = {"expire_time", "issue_time", "last_renewal"}
_IDS = {"request_id", "entity_id", "cluster_id"}
_SECRETS = {"client_token", "accessor", "role_id", "secret_id", "secret_id_accessor", "id"}
_OWN_WORDS = {"version", "cluster_name"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_CIPHERTEXT = re.compile(r"vault:v(\d+):(.*)")


class _Replay:
    """What this server gave in place of what was recorded."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ciphertexts: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}

    def send(self, exchange: dict[str, Any]) -> Answer:
        """Send a recorded request and learn from the answer."""
        tokens = {
            "valid": self._server.root_token,
            "invalid": "s.invalid",
            "none": "",
            "from login": self._placeholders.get("<client_token>", ""),
        }
        fields = self._translate(exchange["request"])
        if exchange["what"] == "AppRole login, wrong secret":
            fields["secret_id"] = "another"  # recorded under the same placeholder as the right one
        answer = self._server.ask(exchange["method"], exchange["path"], fields, token=tokens[exchange["token"]])
        self._learn(exchange["response"], answer.body)
        return answer

    def _translate(self, recorded: Any) -> Any:
        if isinstance(recorded, dict):
            return {key: self._translate(value) for key, value in recorded.items()}
        if isinstance(recorded, list):
            return [self._translate(value) for value in recorded]
        if not isinstance(recorded, str):
            return recorded
        if recorded in self._placeholders:
            return self._placeholders[recorded]
        return self._ciphertexts.get(recorded) or self._altered(recorded)

    def _altered(self, recorded: str) -> str:
        match = _CIPHERTEXT.fullmatch(recorded)
        if match is None:
            return recorded
        number, payload = match.groups()
        for known, ours in self._ciphertexts.items():
            difference = _difference(known.rpartition(":")[2], payload)
            if difference is not None:
                live = b64decode(ours.rpartition(":")[2])
                changed = bytes(byte ^ other for byte, other in zip(live, difference, strict=True))
                return f"vault:v{number}:{b64encode(changed).decode()}"
        return recorded

    def _learn(self, recorded: Any, found: Any) -> None:
        if isinstance(recorded, dict) and isinstance(found, dict):
            for key, value in recorded.items():
                self._learn(value, found.get(key))
        elif isinstance(recorded, list) and isinstance(found, list):
            for value, other in zip(recorded, found, strict=False):
                self._learn(value, other)
        elif isinstance(recorded, str) and isinstance(found, str):
            if recorded.startswith("<"):
                self._placeholders[recorded] = found
            elif _CIPHERTEXT.fullmatch(recorded):
                self._ciphertexts[recorded] = found


def _difference(known: str, altered: str) -> bytes | None:
    """Return what to combine one with to get the other; None if they are not the same but for a few bits."""
    try:
        one, other = b64decode(known, validate=True), b64decode(altered, validate=True)
    except (Error, ValueError):
        return None
    if len(one) != len(other):
        return None
    difference = bytes(byte ^ other_byte for byte, other_byte in zip(one, other, strict=True))
    return difference if sum(map(bool, difference)) <= 1 else None


class _Made(NamedTuple):
    """The shape of a value that a server makes up."""

    kind: str
    length: int = 0


def _comparable(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if name == "keys":  # by version: Unix seconds, or an object with a time in it
            return {key: _comparable(each, "creation_time") for key, each in value.items()}
        return {key: _comparable(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_comparable(each, name) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and name in _TIMES:
        return _Made("time")
    if isinstance(value, str):
        return _comparable_text(value, name)
    return value


def _comparable_text(value: str, name: str) -> Any:
    ciphertext = _CIPHERTEXT.fullmatch(value)
    if ciphertext is not None:
        return _Made(f"ciphertext of version {ciphertext[1]}", len(ciphertext[2]))
    if name in _IDS and _UUID.fullmatch(value):
        return _Made("id")
    if name in _TIMES | _TEXT_TIMES and _TIMESTAMP.fullmatch(value):
        return _Made("timestamp")
    if name in _SECRETS and value:
        return _Made("secret")
    if name in _OWN_WORDS and value:
        return _Made(name)
    if name == "public_key" and value.startswith("-----BEGIN PUBLIC KEY-----\n"):
        return _Made("public key", len(value))
    return value


def test_every_recorded_exchange_has_the_answer_that_was_recorded(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        replay = _Replay(server)
        for exchange in EXCHANGES:
            answer = replay.send(exchange)
            found = (answer.status, _comparable(answer.body))
            assert found == (exchange["status"], _comparable(exchange["response"])), exchange["what"]


def test_the_comparison_sees_another_version_error_or_plaintext() -> None:
    alike = _comparable({"ciphertext": "vault:v1:YWJj", "request_id": "5a94e5d6-6781-c6b4-12f6-1b3e8b36aae5"})
    assert alike == _comparable({"ciphertext": "vault:v1:eHl6", "request_id": "0ec6944c-fa54-9430-da95-5c9211a1c785"})
    assert alike != _comparable({"ciphertext": "vault:v2:YWJj", "request_id": "5a94e5d6-6781-c6b4-12f6-1b3e8b36aae5"})
    assert _comparable({"errors": ["Vault is sealed"]}) != _comparable({"errors": ["sealed"]})
    assert _comparable({"plaintext": "YQ=="}) != _comparable({"plaintext": "Yg=="})
    assert _comparable({"request_id": "none"}) != _comparable({"request_id": "0ec6944c-fa54-9430-da95-5c9211a1c785"})
