"""Runs one fuzz entry under atheris, guided by coverage: `python -m tests.fuzz.guided fuzz_<parser> [options]`.

Needs `pip install atheris`, which the lock leaves out because it has no wheel for every supported Python.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Hand the named entry to atheris, which never returns by itself."""
    import atheris

    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["hyok"]):
        entry = importlib.import_module(f"tests.fuzz.{name}")
    atheris.Setup(sys.argv, entry.fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
