"""Where the configuration's text comes from: one TOML file, overlaid with `HYOK__SECTION__KEY` variables."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hyok.config.reading import Overlaid
from hyok.errors import OperatorError

FILE_VARIABLE: Final = "HYOK_CONFIG"
OVERLAY_PREFIX: Final = "HYOK__"
SEARCHED_FILES: Final = (Path("hyok.toml"), Path("/etc/hyok/hyok.toml"))
MAX_FILE_BYTES: Final = 1024 * 1024


def find_file(given: Path | None, environment: Mapping[str, str], *, searched: Sequence[Path]) -> Path | None:
    """Return the file given, the one in HYOK_CONFIG, the first of `searched` that is there, or none."""
    if given is not None:
        return given
    if named := environment.get(FILE_VARIABLE):
        return Path(named)
    return next((path for path in searched if path.exists()), None)


def read_file(path: Path) -> bytes:
    """Return what a configuration file holds. OperatorError if it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"{path}: cannot read the configuration: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise OperatorError(f"{path}: larger than {MAX_FILE_BYTES} bytes, which no configuration is")
    return content


def parse_tables(content: bytes, *, name: str) -> dict[str, object]:
    """Parse TOML; `name` stands in the OperatorError."""
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise OperatorError(f"{name}: not UTF-8 text (byte {error.start}), which TOML must be") from None
    except RecursionError:
        raise OperatorError(f"{name}: nested too deeply to be a configuration") from None
    except ValueError as error:
        raise OperatorError(f"{name}: not TOML: {_lower_first(str(error))}") from None


def overlay_environment(tables: dict[str, object], environment: Mapping[str, str], *, name: str) -> None:
    """Put each `HYOK__SECTION__KEY` variable at its place in `tables`, whose file is `name`."""
    for variable in sorted(environment):
        if variable.startswith(OVERLAY_PREFIX):
            _put(tables, Overlaid(variable, environment[variable]), name=name)


def _put(tables: dict[str, object], overlaid: Overlaid, *, name: str) -> None:
    keys = [_key(part) for part in overlaid.variable.removeprefix(OVERLAY_PREFIX).split("__")]
    if not all(keys):
        raise OperatorError(f"{overlaid.variable}: not the name of a setting; write HYOK__SECTION__KEY")
    *sections, last = keys
    table = tables
    for depth, section in enumerate(sections, start=1):
        below = table.setdefault(section, {})
        if not isinstance(below, dict):
            place = ".".join(sections[:depth])
            raise OperatorError(f"{overlaid.variable}: {place} is not a section in {name}; write HYOK__SECTION__KEY")
        table = below
    table[last] = overlaid


def _key(part: str) -> str:
    # All settings are lower case. Among names that are not hyok's some are in mixed case (CreateKey): those as written.
    return part.lower() if part.isupper() else part


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
