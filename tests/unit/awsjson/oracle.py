"""A second opinion on validation, written from the published model alone: plain, slow and without code of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.unit.awsjson.support import published_model

EXAMPLES = {
    "AccountIdType": "123456789012",
    "AliasNameType": "alias/name",
    "BackingKeyIdType": "0a" * 32,
    "CloudHsmClusterIdType": "cluster-abcdefg2345",
    "GrantConstraintSourceArnType": "arn:aws:s3:eu-central-1:123456789012:bucket",
    "PolicyType": '{"Version":"2012-10-17"}',
    "RegionType": "eu-central-1",
    "ServicePrincipalType": "cks.kms.eu-central-1.amazonaws.com",
    "XksProxyAuthenticationAccessKeyIdType": "ABCDEFGHIJKLMNOP2345",
    "XksProxyAuthenticationRawSecretAccessKeyType": "aB3/" * 12,
    "XksProxyUriEndpointType": "https://xks.example.com",
    "XksProxyUriPathType": "/prefix/kms/xks/v1",
    "XksProxyVpcEndpointServiceNameType": "com.amazonaws.vpce.eu-central-1.vpce-svc-0a1b",
}
UNPUBLISHED_PATTERNS = {"KeyIdType": (r"^\p{ASCII}+$", r"[\x00-\x7f]+")}


def shape_of(name: str) -> dict[str, Any]:
    shape: dict[str, Any] = published_model()["shapes"][name]
    return shape


def input_of(operation: str) -> str:
    name: str = published_model()["operations"][operation]["input"]["shape"]
    return name


def example(name: str) -> Any:
    """Return a valid value with every member of the shape present."""
    shape = shape_of(name)
    kind = shape["type"]
    if kind == "structure":
        return {member: example(reference["shape"]) for member, reference in shape["members"].items()}
    if kind == "list":
        return [example(shape["member"]["shape"])]
    if kind == "blob":
        return b"\x01" * shape["min"]
    if kind == "integer":
        return shape["min"]
    if kind == "string":
        return shape["enum"][0] if "enum" in shape else EXAMPLES.get(name, "a" * max(shape.get("min", 1), 1))
    return {"map": {"key": "value"}, "boolean": True, "timestamp": 1893456000.0}[kind]


def violators(name: str) -> Iterator[Any]:
    """Yield values of the right type, each of which breaks a constraint of the shape or below it."""
    shape, good = shape_of(name), example(name)
    kind = shape["type"]
    if kind == "structure":
        for member, reference in shape["members"].items():
            for bad in violators(reference["shape"]):
                yield good | {member: bad}
        for member in shape.get("required", []):
            yield {other: value for other, value in good.items() if other != member}
    elif kind == "list":
        if "max" in shape:
            yield good * (shape["max"] + 1)
        if shape.get("min", 0) > 0:
            yield good * (shape["min"] - 1)
        for bad in violators(shape["member"]["shape"]):
            yield [*good, bad]
    elif kind == "integer":
        yield from (shape["min"] - 1, shape["max"] + 1)
    elif kind == "blob":
        yield from (b"\x01" * (shape["min"] - 1), b"\x01" * (shape["max"] + 1))
    elif kind == "string" and "enum" in shape:
        yield "FOO"
    elif kind == "string":
        yield from _string_violators(name, shape, good)


def edges(name: str) -> Iterator[Any]:
    """Yield valid values, each with one part as short, as long, as small or as large as the model allows."""
    shape, good = shape_of(name), example(name)
    kind = shape["type"]
    if kind == "structure":
        for member, reference in shape["members"].items():
            yield from (good | {member: edge} for edge in edges(reference["shape"]))
    elif kind == "list":
        yield from (good * shape[bound] for bound in ("min", "max") if bound in shape)
        yield from ([edge] for edge in edges(shape["member"]["shape"]))
    elif kind == "integer":
        yield from (shape["min"], shape["max"])
    elif kind == "blob":
        yield from (b"\x01" * shape["min"], b"\x01" * shape["max"])
    elif kind == "string":
        longest = good + good[-1] * (shape.get("max", 0) - len(good))
        yield from (value for value in (longest, good[: shape.get("min", 1)]) if not broken(name, value))


def _string_violators(name: str, shape: dict[str, Any], good: str) -> Iterator[str]:
    if "max" in shape:
        yield good + good[-1] * (shape["max"] + 1 - len(good))
    if shape.get("min", 0) > 0:
        yield good[: shape["min"] - 1]
    if "pattern" in shape or name in UNPUBLISHED_PATTERNS:
        strange = [good[:-1] + character for character in "\u2603\n"]
        yield next(value for value in strange if broken(name, value))


def violations(name: str, value: Any, path: str = "") -> Iterator[str]:
    """Yield what AWS says of a value of the right type."""
    shape = shape_of(name)
    if shape["type"] == "structure":
        for member, reference in shape["members"].items():
            member_path = f"{path}.{member[0].lower()}{member[1:]}".lstrip(".")
            if member in value:
                yield from violations(reference["shape"], value[member], member_path)
            elif member in shape.get("required", []):
                null = "" if shape_of(reference["shape"]).get("sensitive") else " null"
                yield f"Value{null} at '{member_path}' failed to satisfy constraint: Member must not be null"
        return
    shown = "" if shape.get("sensitive") or shape["type"] == "blob" else f" '{_as_java(value)}'"
    for text in broken(name, value):
        yield f"Value{shown} at '{path}' failed to satisfy constraint: {text}"
    if shape["type"] != "list":
        return
    element = shape["member"]["shape"]
    if shape_of(element)["type"] == "structure":
        for number, member in enumerate(value, start=1):
            yield from violations(element, member, f"{path}.{number}.member")
    elif any(list(broken(element, member)) for member in value):
        text = f"Member must satisfy constraint: [{', '.join((*sentences(element), 'Member must not be null'))}]"
        yield f"Value{shown} at '{path}' failed to satisfy constraint: {text}"


def sentences(name: str) -> dict[str, Any]:
    """Return each constraint's sentence with what tells whether a value meets it."""
    shape = shape_of(name)
    is_number = shape["type"] == "integer"
    kind, size = ("value", (lambda value: value)) if is_number else ("length", len)
    found: dict[str, Any] = {}
    if "max" in shape:
        found[f"Member must have {kind} less than or equal to {shape['max']}"] = lambda v: size(v) <= shape["max"]
    if "min" in shape:
        found[f"Member must have {kind} greater than or equal to {shape['min']}"] = lambda v: size(v) >= shape["min"]
    published = shape.get("pattern", "")
    java, python = UNPUBLISHED_PATTERNS.get(name, (published, published))
    if java:
        compiled = re.compile(python, re.ASCII)
        found[f"Member must satisfy regular expression pattern: {java}"] = compiled.fullmatch
    if "enum" in shape:
        found[f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"] = lambda v: v in shape["enum"]
    return found


def broken(name: str, value: Any) -> list[str]:
    """Return the sentences of a shape's own constraints that a value breaks."""
    if name == "XksProxyVpcEndpointServiceNameType" and value == "":
        return []
    return [text for text, is_met in sentences(name).items() if not is_met(value)]


def _as_java(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
