"""Runs every fuzz entry on random bytes and on mutations of its seeds, the same ones each time.

A fuzz entry is a module `fuzz_<parser>.py` whose docstring begins with its invariant, with `fuzz_one(data)` and
optional `SEEDS`. For a coverage-guided run: `python -m tests.fuzz.guided fuzz_<parser>` with atheris installed.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sizes import size

ENTRIES = sorted(path.stem for path in Path(__file__).parent.glob("fuzz_*.py"))


def mutate(seed: bytes, source: random.Random) -> bytes:
    """Return `seed` with one to four random edits, or noise where there is nothing to edit."""
    mutated = bytearray(seed)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(mutated) + 1)
        match source.randrange(6):
            case 0 if mutated:
                mutated[at % len(mutated)] ^= 1 << source.randrange(8)
            case 1 if mutated:
                del mutated[at : at + source.randint(1, 8)]
            case 2:
                mutated[at:at] = source.randbytes(source.randint(1, 8))
            case 3:
                mutated[at:at] = mutated[at : at + source.randint(1, 64)]
            case 4:
                mutated[at:at] = source.choice(
                    (b"\x00", b'"', b"\\", b"\r\n", b"%", b"=", b"/", b"\xff\xfe", b"[[[", b"{", b"1e999")
                )
            case _:
                mutated[at:] = mutated[at:][::-1]
    return bytes(mutated)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_parser_keeps_its_invariant(name: str) -> None:
    entry = importlib.import_module(f"tests.fuzz.{name}")
    fuzz_one: Callable[[bytes], None] = entry.fuzz_one
    seeds: tuple[bytes, ...] = getattr(entry, "SEEDS", ()) or (b"",)
    source = random.Random(name)
    for seed in seeds:
        fuzz_one(seed)
    for _ in range(size(usual=1500, nightly=200_000)):
        data = (
            source.randbytes(source.randrange(200)) if source.random() < 0.1 else mutate(source.choice(seeds), source)
        )
        try:
            fuzz_one(data)
        except BaseException as error:
            raise AssertionError(f"{name} on {data!r}") from error


def test_every_fuzz_entry_states_its_invariant() -> None:
    for name in ENTRIES:
        docstring = importlib.import_module(f"tests.fuzz.{name}").__doc__ or ""
        assert docstring.partition("\n")[0].strip().endswith("."), f"{name}: the docstring's first line is no sentence"
