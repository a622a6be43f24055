"""The sizes of the XKS proxy API v1: the specification's own, and ours where it leaves the maximum to the proxy."""

from __future__ import annotations

from typing import Final

MAX_PLAINTEXT_BYTES: Final = 8192
"""What this proxy supports, for a ciphertext too. The specification asks for 4300 at least; KMS sends no more."""
MAX_AAD_BYTES: Final = 8192
"""What the specification asks for at least, and what this proxy supports."""
IV_BYTES: Final = (12, 16)
TAG_BYTES: Final = 16
MAX_CIPHERTEXT_METADATA_BYTES: Final = 20
INTEGRITY_VALUE_BYTES: Final = 32

MAX_ARN_CHARACTERS: Final = 2048
"""Of `awsPrincipalArn` and `kmsKeyArn`."""
MAX_ERROR_MESSAGE_CHARACTERS: Final = 511
MAX_KEY_USAGES: Final = 10
MAX_FLEET_MEMBERS: Final = 10

MAX_URI_PATH_CHARACTERS: Final = 128
"""Of `XksProxyUriPath`, `/kms/xks/v1` included."""
MAX_KEY_ID_CHARACTERS: Final = 128
