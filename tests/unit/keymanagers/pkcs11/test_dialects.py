from __future__ import annotations

from typing import get_args

from hyok.config.settings import Pkcs11KeyManagerSettings, Pkcs11Preset
from hyok.config.shapes import Plain, fields_of
from hyok.keymanagers.pkcs11.dialects import PRESETS, IvBits, IvSource, choose_dialect


def test_the_configuration_knows_the_presets_there_are() -> None:
    assert set(get_args(Pkcs11Preset)) == set(PRESETS)
    shape = fields_of(Pkcs11KeyManagerSettings)["preset"].shape
    assert isinstance(shape, Plain)
    assert all(f'"{preset}"' in shape.allowed for preset in PRESETS)


def test_a_preset_is_taken_as_it_is_or_with_what_is_set_instead() -> None:
    assert choose_dialect("luna", iv=None, iv_bytes=None, iv_bits=None) == PRESETS["luna"]
    changed = choose_dialect("aws-cloudhsm", iv="host", iv_bytes=16, iv_bits="absent")
    assert changed[:3] == (IvSource.HOST, 16, IvBits.ABSENT)
    assert changed.needs_read_write_sessions


def test_no_iv_is_of_a_length_that_the_xks_proxy_api_does_not_know() -> None:
    assert {dialect.iv_bytes for dialect in PRESETS.values()} <= {12, 16}
