from __future__ import annotations

from hyok.xks.messages import DecryptResponse, EncryptRequest, RequestMetadata

METADATA = RequestMetadata(kms_operation="Encrypt", kms_request_id="id")


def test_no_repr_shows_a_plaintext() -> None:
    request = EncryptRequest(METADATA, b"canary", "AES_GCM")
    response = DecryptResponse(b"canary")
    assert "canary" not in repr(request) + str(request) + repr(response) + f"{response}"
    assert "plaintext of 6 bytes" in repr(request)
