"""Every metric, label and bucket."""

from __future__ import annotations

from typing import Final

REQUESTS: Final = "hyok_proxy_requests_total"
REQUESTS_HELP: Final = "Requests to the external key store proxy; error is empty for those that succeeded."

REQUEST_DURATION: Final = "hyok_proxy_request_duration_seconds"
REQUEST_DURATION_HELP: Final = "Time from a request's first byte to its finished answer. AWS KMS gives up after 0.25 s."

LABELS: Final = ("key_store", "operation", "error")
"""Of both: the key store's name and the operation, empty where the request led to none, and the error's name."""

DURATION_BUCKETS_MS: Final = (5, 10, 25, 35, 50, 100, 150, 200, 250)
"""Upper bounds in milliseconds; 35 is the round trip that the XKS proxy API recommends, 250 its limit."""
