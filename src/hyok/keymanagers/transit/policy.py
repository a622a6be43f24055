"""The policy that a token of ours needs, in the server's own language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hyok.keymanagers.transit.setup import is_key_name


def least_privilege_policy(mount: str, key_names: Iterable[str]) -> str:
    """Return the policy (HCL) for serving these keys, a health key among them, and for nothing else.

    `update` without `create` on encrypt: with `create`, a request to encrypt under a missing key would make the key.
    ValueError for what is no name of a key.
    """
    return "\n".join(_rules(mount, sorted(set(key_names)))) + "\n"


def administration_policy(mount: str) -> str:
    """Return the policy (HCL) for `hyok key`: to create, rotate, list, disable and enable keys, not to use them."""
    rules = [
        _rule(f"{mount}/keys", "list"),
        _rule(f"{mount}/keys/+", "read", "create", "update"),
        _rule(f"{mount}/keys/+/rotate", "update"),
        _rule(f"{mount}/keys/+/soft-delete", "delete"),
        _rule(f"{mount}/keys/+/soft-delete-restore", "update"),
        *_own_token(),
    ]
    return "\n".join(rules) + "\n"


def _rules(mount: str, key_names: Iterable[str]) -> Iterator[str]:
    for name in key_names:
        if not is_key_name(name):
            raise ValueError(f"{name!r} is no name of a Transit key")
        yield _rule(f"{mount}/keys/{name}", "read")
        yield _rule(f"{mount}/encrypt/{name}", "update")
        yield _rule(f"{mount}/decrypt/{name}", "update")
    yield from _own_token()


def _own_token() -> tuple[str, ...]:
    return _rule("auth/token/lookup-self", "read"), _rule("auth/token/renew-self", "update")


def _rule(path: str, *capabilities: str) -> str:
    listed = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{path}" {{ capabilities = [{listed}] }}'
