"""What an account may have and ask for at the KMS service, from its settings."""

from __future__ import annotations

from hyok.awsjson.service import load_service_model
from hyok.config.settings import KmsQuotaSettings
from hyok.errors import OperatorError
from hyok.kms.request_quotas import MANAGEMENT_REQUESTS, RequestQuotas, RequestRates
from hyok.kms.resource_quotas import ResourceQuotas


def request_quotas(settings: KmsQuotaSettings) -> RequestQuotas | None:
    """Count requests as the settings say; None if nothing is counted. OperatorError for an unknown operation."""
    known = load_service_model().operations if settings.requests else ()
    unknown = [name for name in settings.requests if name not in known]
    if unknown:
        raise OperatorError(
            f"kms.quotas.requests.{unknown[0]} is no operation of AWS KMS; write it as its API does, for example "
            "CreateKey = 5"
        )
    rates = RequestRates(
        by_operation={**(MANAGEMENT_REQUESTS if settings.management_requests else {}), **settings.requests},
        cryptographic=settings.cryptographic_requests,
        by_store=settings.custom_key_store_requests,
    )
    return RequestQuotas(rates) if any((*rates.by_operation.values(), *rates[1:])) else None


def resource_quotas(settings: KmsQuotaSettings) -> ResourceQuotas:
    """Return how much an account may have."""
    return ResourceQuotas(settings.custom_key_stores, settings.keys, settings.aliases_per_key, settings.grants_per_key)
