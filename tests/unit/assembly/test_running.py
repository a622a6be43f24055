from __future__ import annotations

import gc

import pytest

from hyok.assembly.running import loading


def test_what_was_loaded_is_never_gone_through_by_a_collection() -> None:
    try:
        with loading():
            assert not gc.isenabled()
            loaded = [[number] for number in range(1000)]
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
        assert not any(each is loaded for each in gc.get_objects())
    finally:
        gc.unfreeze()


def test_collections_go_on_when_loading_failed() -> None:
    try:
        with pytest.raises(ValueError, match="no storage"), loading():
            raise ValueError("no storage")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
