"""The C structures of PKCS#11 that are passed here, as they lie in memory on Unix: natural alignment, long numbers."""

from __future__ import annotations

import ctypes
from ctypes import c_char, c_char_p, c_ubyte, c_ulong, c_void_p


class InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("create_mutex", c_void_p),
        ("destroy_mutex", c_void_p),
        ("lock_mutex", c_void_p),
        ("unlock_mutex", c_void_p),
        ("flags", c_ulong),
        ("reserved", c_void_p),
    )


class Version(ctypes.Structure):
    """CK_VERSION."""

    _fields_ = (("major", c_ubyte), ("minor", c_ubyte))


class TokenInfoStructure(ctypes.Structure):
    """CK_TOKEN_INFO. Texts are padded with blanks and have no final NUL."""

    _fields_ = (
        ("label", c_char * 32),
        ("manufacturer", c_char * 32),
        ("model", c_char * 16),
        ("serial", c_char * 16),
        ("flags", c_ulong),
        ("max_session_count", c_ulong),
        ("session_count", c_ulong),
        ("max_rw_session_count", c_ulong),
        ("rw_session_count", c_ulong),
        ("max_pin_len", c_ulong),
        ("min_pin_len", c_ulong),
        ("total_public_memory", c_ulong),
        ("free_public_memory", c_ulong),
        ("total_private_memory", c_ulong),
        ("free_private_memory", c_ulong),
        ("hardware_version", Version),
        ("firmware_version", Version),
        ("utc_time", c_char * 16),
    )


class MechanismInfoStructure(ctypes.Structure):
    """CK_MECHANISM_INFO."""

    _fields_ = (("min_key_size", c_ulong), ("max_key_size", c_ulong), ("flags", c_ulong))


class Attribute(ctypes.Structure):
    """CK_ATTRIBUTE."""

    _fields_ = (("type", c_ulong), ("value", c_void_p), ("length", c_ulong))


class Mechanism(ctypes.Structure):
    """CK_MECHANISM."""

    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("parameter_length", c_ulong))


class GcmParameters(ctypes.Structure):
    """CK_GCM_PARAMS as in the header files: with ulIvBits."""

    _fields_ = (
        ("iv", c_char_p),
        ("iv_length", c_ulong),
        ("iv_bits", c_ulong),
        ("aad", c_char_p),
        ("aad_length", c_ulong),
        ("tag_bits", c_ulong),
    )


class GcmParametersWithoutIvBits(ctypes.Structure):
    """CK_GCM_PARAMS as in the text of PKCS#11 2.40, which some makers follow: without ulIvBits."""

    _fields_ = (
        ("iv", c_char_p),
        ("iv_length", c_ulong),
        ("aad", c_char_p),
        ("aad_length", c_ulong),
        ("tag_bits", c_ulong),
    )
