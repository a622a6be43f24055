"""Tables to settings, checked place by place.

msgspec alone says `Expected int, got str`; here each error names where it stands, what was found, what is allowed and,
for an unknown key, the nearest that is known.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from hyok.config.origins import DEFAULT_ORIGIN, EffectiveSetting, Origin, OriginKind
from hyok.config.settings import Settings
from hyok.config.shapes import Field, NamedValues, Plain, Shape, Table, TableOfKind, Tables, Text, fields_of
from hyok.config.values import describe_text
from hyok.errors import OperatorError

SettingsT = TypeVar("SettingsT", bound=Settings)

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class Overlaid(NamedTuple):
    """A value that an environment variable puts in place of the file's."""

    variable: str
    text: str


class SettingsReader:
    """Reads tables whose relative paths are relative to `base`; gathers every value in `effective` on the way."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self.effective: list[EffectiveSetting] = []

    def read_section(
        self, table: Mapping[str, object], struct: type[SettingsT], *, path: str, origin: Origin
    ) -> SettingsT:
        """Turn a table into its section; OperatorError says in one sentence what does not fit."""
        fields = fields_of(struct)
        for key in table:
            if key not in fields:
                raise _unknown_key(key, fields, path=path, origin=_origin_of(table[key], origin))
        values = {}
        for field in fields.values():
            place = join_path(path, field.name)
            if field.name in table:
                values[field.name] = self._read(table[field.name], field.shape, path=place, origin=origin)
            else:
                values[field.name] = self._default(field, path=place, origin=origin)
        return struct(**values)

    def _default(self, field: Field, *, path: str, origin: Origin) -> object:
        if field.is_required:
            raise OperatorError(f"{origin}: {path} is missing; {_wanted(field)}")
        match field.shape:
            case Table(struct):
                if field.default is not None:
                    return self.read_section({}, struct, path=path, origin=DEFAULT_ORIGIN)
            case Text() | Plain():
                self._note(path, field.default, DEFAULT_ORIGIN)
            case NamedValues() | Tables() | TableOfKind():
                pass  # nothing in it, nothing to show
        return field.default

    def _read(self, found: object, shape: Shape, *, path: str, origin: Origin) -> object:
        origin = _origin_of(found, origin)
        if isinstance(found, Overlaid):
            found = _overlaid_value(found, shape, path)
        match shape:
            case Text() | Plain():
                value = self._read_value(found, shape, path=path, origin=origin)
                self._note(path, value, origin)
                return value
            case Table(struct):
                return self.read_section(_table(found, path, origin), struct, path=path, origin=origin)
            case TableOfKind(kinds):
                return self._read_kind(_table(found, path, origin), kinds, path=path, origin=origin)
            case NamedValues():
                return self._read_named(_table(found, path, origin), shape, path=path, origin=origin)
            case Tables(struct):
                if not isinstance(found, list):
                    raise _unfit(path, _describe(found), f"an array of sections, [[{path}]]", origin)
                return tuple(
                    self.read_section(
                        _table(each, f"{path}[{index}]", origin), struct, path=f"{path}[{index}]", origin=origin
                    )
                    for index, each in enumerate(found)
                )

    def _read_value(self, found: object, shape: Text | Plain, *, path: str, origin: Origin) -> object:
        match shape:
            case Text(parser, allowed):
                if not isinstance(found, str):
                    raise _unfit(path, _describe(found), allowed, origin)
                try:
                    return parser.parse(found, self._base)
                except ValueError:
                    # The parser's own words may quote what could be a secret.
                    raise _unfit(path, parser.describe(found), allowed, origin) from None
            case Plain(annotation, _, allowed):
                try:
                    return msgspec.convert(found, annotation)
                except msgspec.ValidationError:
                    raise _unfit(path, _describe(found), allowed, origin) from None

    def _read_named(
        self, table: Mapping[str, object], shape: NamedValues, *, path: str, origin: Origin
    ) -> dict[str, object]:
        values = {}
        for name, found in table.items():
            try:
                msgspec.convert(name, shape.name.annotation)
            except msgspec.ValidationError:
                where = _origin_of(found, origin)
                raise _unfit(f"a name in {path}", describe_text(name), shape.name.allowed, where) from None
            values[name] = self._read(found, shape.value, path=join_path(path, name), origin=origin)
        return values

    def _read_kind(
        self, table: Mapping[str, object], kinds: Mapping[str, type[Settings]], *, path: str, origin: Origin
    ) -> Settings:
        place = join_path(path, "kind")
        allowed = " or ".join(f'"{kind}"' for kind in kinds)
        kind = table.get("kind")
        if kind is None:
            raise OperatorError(f"{origin}: {place} is missing; allowed is {allowed}")
        if isinstance(kind, Overlaid):
            origin_of_kind, kind = Origin(OriginKind.ENVIRONMENT, kind.variable), kind.text
        else:
            origin_of_kind = origin
        if not isinstance(kind, str) or kind not in kinds:
            raise _unfit(place, _describe(kind), allowed + _did_you_mean(str(kind), kinds), origin_of_kind)
        self._note(place, kind, origin_of_kind)
        rest = {key: value for key, value in table.items() if key != "kind"}
        return self.read_section(rest, kinds[kind], path=path, origin=origin)

    def _note(self, path: str, value: object, origin: Origin) -> None:
        match value:
            case None | int() | float():
                shown: str | float | list[str] | None = value
            case tuple() if not hasattr(value, "_fields"):
                shown = [str(each) for each in value]
            case _:
                shown = str(value)
        self.effective.append(EffectiveSetting(path, shown, origin))


def join_path(path: str, key: str) -> str:
    """Name a place as TOML would: `kms.endpoint_map."xks.example.com"`."""
    shown = key if _BARE_KEY.fullmatch(key) else describe_text(key)
    return f"{path}.{shown}" if path else shown


def _overlaid_value(overlaid: Overlaid, shape: Shape, path: str) -> object:
    """Read a variable: as it is where a text belongs, as TOML anywhere else."""
    if isinstance(shape, Text) or (isinstance(shape, Plain) and shape.is_text):
        return overlaid.text
    try:
        # Unpacked, because a line feed in the variable could bring more than the one key.
        ((_, value),) = tomllib.loads(f"value = {overlaid.text}").items()
        return value
    except (ValueError, RecursionError):
        allowed = shape.allowed if isinstance(shape, Plain) else f"the TOML of {path}"
        where = Origin(OriginKind.ENVIRONMENT, overlaid.variable)
        raise _unfit(path, describe_text(overlaid.text), allowed, where) from None


def _table(found: object, path: str, origin: Origin) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise _unfit(path, _describe(found), f"a section, [{path}]", origin)
    return found


def _unknown_key(key: str, fields: Mapping[str, Field], *, path: str, origin: Origin) -> OperatorError:
    section = f"[{path}]" if path else "the file"
    known = f"{section} can hold {', '.join(fields) or 'only its kind'}"
    return OperatorError(f"{origin}: {join_path(path, key)} is not a setting{_did_you_mean(key, fields)}; {known}")


def _unfit(path: str, found: str, allowed: str, origin: Origin) -> OperatorError:
    return OperatorError(f"{origin}: {path} is {found}; allowed is {allowed}")


def _did_you_mean(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _wanted(field: Field) -> str:
    example = f", for example {field.name} = {field.about.example}" if field.about.example else ""
    match field.shape:
        case Text(allowed=allowed) | Plain(allowed=allowed):
            return f"it must be {allowed}{example}"
        case Table(struct):
            return f"it is a section with {', '.join(fields_of(struct))}"
        case TableOfKind() | NamedValues() | Tables():
            return "it is a section"


def _describe(found: object) -> str:
    match found:
        case str():
            return describe_text(found)
        case bool():
            return "true" if found else "false"
        case int() | float():
            return f"the number {found}" if abs(found) < 10**18 else "a number of absurd size"
        case dict():
            return "a section"
        case list():
            return f"a list of {len(found)}"
        case _:
            return "a date or time"


def _origin_of(found: object, origin: Origin) -> Origin:
    """Return who put a value there, which for an overlaid section is the variable of its first setting."""
    if isinstance(found, Overlaid):
        return Origin(OriginKind.ENVIRONMENT, found.variable)
    if isinstance(found, dict) and found:
        first = [_origin_of(value, origin) for value in found.values()]
        if all(each.kind is OriginKind.ENVIRONMENT for each in first):
            return first[0]
    return origin
