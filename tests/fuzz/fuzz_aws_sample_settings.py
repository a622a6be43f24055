"""Any bytes are settings of AWS's sample proxy whose preset and IV can be told, or one OperatorError of one line.

Nothing else comes out, and no value of the file stands in the error.
"""

from __future__ import annotations

from hyok.errors import OperatorError
from hyok.keymanagers.pkcs11.dialects import PRESETS
from hyok.setup.aws_sample import read_sample_settings

SECRET = "a-secret-that-nobody-may-see"
SEEDS = (
    b'[server]\nregion = "r"\nport = 1\n[pkcs11]\nuser_pin = "1"\nPKCS11_HSM_MODULE = "/m"\n'
    b"[hsm_capabilities]\ncan_generate_iv = true\nis_zero_iv_required = false\n"
    b'[[external_key_stores]]\nuri_path_prefix = ""\nsigv4_access_key_id = "A"\nsigv4_secret_access_key = "'
    + SECRET.encode()
    + b'"\nxks_key_id_set = ["foo"]\n',
    b'[server]\nregion = "r"\nport = 1\nciphertext_metadata_b64 = "djAuMC4x"\n[pkcs11]\nuser_pin = 1\n',
)


def fuzz_one(data: bytes) -> None:
    """Read `data`."""
    try:
        settings = read_sample_settings(data, name="f")
    except OperatorError as error:
        if "\n" in str(error) or SECRET in str(error):
            raise AssertionError("more than one line, or a value of the file") from error
        return
    if settings.preset not in PRESETS or not settings.predecessors or SECRET in repr(settings):
        raise AssertionError(f"{data!r} was read as {settings}")
