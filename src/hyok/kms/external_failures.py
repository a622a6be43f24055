"""What goes wrong between KMS and an external key, and what KMS tells its caller about it.

KMS never relays the proxy's own message. Source of codes and texts: the XKS proxy API specification 1.0.3 and the AWS
KMS Developer Guide. Where they disagree or are silent:

* CreateKey on AccessDeniedException: the guide's code, because the specification's is not in CreateKey's model.
* CreateKey on UnsupportedOperationException: both name `XksKeyInvalidResponseException`, which no model has and no SDK
  knows. CustomKeyStoreInvalidStateException stands for it, as for everything else that is wrong with the proxy.
* A failure that no row foresees for an operation (a health check answered with KeyNotFoundException) is an answer
  that KMS cannot interpret.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionErrorCode
from hyok.xks.errors import XksErrorName
from hyok.xks_client import Unreachable, XksClientError, XksRefused, XksUnreachable


class ExternalFailure(Enum):
    """Every way in which an external key fails its KMS key."""

    UNINTERPRETABLE = auto()
    """ValidationException, or an answer that breaks the XKS proxy API: no JSON, a wrong integrity value or size."""
    KEY_NOT_ENABLED = auto()
    CIPHERTEXT_REJECTED = auto()
    INNER_CIPHERTEXT_CORRUPTED = auto()
    """What the proxy decrypted fails the authentication of KMS's own inner layer."""
    KEY_USAGE_NOT_PERMITTED = auto()
    NOT_AUTHENTICATED = auto()
    ACCESS_DENIED = auto()
    KEY_NOT_FOUND = auto()
    INVALID_URI_PATH = auto()
    UNSUPPORTED = auto()
    DEPENDENCY_TIMED_OUT = auto()
    THROTTLED = auto()
    INTERNAL = auto()
    NO_CONNECTION = auto()
    NO_NETWORK = auto()
    """As NO_CONNECTION, and the fault is on KMS's own side."""
    NO_TLS = auto()
    TIMED_OUT = auto()
    STORE_NOT_CONNECTED = auto()
    ALL_UNAVAILABLE = auto()
    """The proxy is well, but reports every instance of its external key manager as UNAVAILABLE."""
    VPC_ENDPOINT_SERVICE_NOT_FOUND = auto()
    VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION = auto()


class Consequence(NamedTuple):
    """What a failure means to each kind of caller; None where no source foresees it."""

    create_or_update: str | None
    """The exception of CreateCustomKeyStore and UpdateCustomKeyStore."""
    create_key: str | None
    """The exception of CreateKey."""
    connection_error: ConnectionErrorCode | None
    """What ConnectCustomKeyStore leaves behind."""
    message: str
    """The text of every exception; cryptographic operations always raise KMSInvalidStateException with it."""


_NO_TCP: Final = (
    "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see "
    "this error repeatedly, verify that your external key store proxy is active and is connected to the network, and "
    "that its endpoint URI is correct in your external keystore."
)

CONSEQUENCES: Final[Mapping[ExternalFailure, Consequence]] = {
    ExternalFailure.UNINTERPRETABLE: Consequence(
        "XksProxyInvalidResponseException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_INVALID_RESPONSE,
        "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, "
        "report it to your external key store proxy administrator.",
    ),
    ExternalFailure.KEY_NOT_ENABLED: Consequence(
        None,
        "XksKeyInvalidConfigurationException",
        None,
        "The external key associated with this KMS key in an external key store is not enabled in the external key "
        "manager. Enable the external key in the external key manager and retry the request.",
    ),
    ExternalFailure.CIPHERTEXT_REJECTED: Consequence(
        None,
        None,
        None,
        "The external key store proxy rejected the request because the specified ciphertext or encryption context is "
        "corrupted, missing, or otherwise invalid.",
    ),
    ExternalFailure.INNER_CIPHERTEXT_CORRUPTED: Consequence(
        None,
        None,
        None,
        "The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is "
        "corrupted, missing, or otherwise invalid.",
    ),
    ExternalFailure.KEY_USAGE_NOT_PERMITTED: Consequence(
        None,
        "XksKeyInvalidConfigurationException",
        None,
        "The external key associated with this KMS key in an external key store does not support the requested "
        "operation. Enable the operation on the key in your external key manager, and try the request again.",
    ),
    ExternalFailure.NOT_AUTHENTICATED: Consequence(
        "XksProxyIncorrectAuthenticationCredentialException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.INVALID_CREDENTIALS,
        "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS "
        "proxy authentication credentials for your external key store and update if necessary.",
    ),
    ExternalFailure.ACCESS_DENIED: Consequence(
        None,
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_ACCESS_DENIED,
        "The external key store proxy denied access to the operation. Verify that the user and the external key are "
        "both authorized for this operation, and try the request again.",
    ),
    ExternalFailure.KEY_NOT_FOUND: Consequence(
        None,
        "XksKeyNotFoundException",
        None,
        "The external key associated with this KMS key in an external key store was not found in its external key "
        "manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the "
        "correct external key ID.",
    ),
    ExternalFailure.INVALID_URI_PATH: Consequence(
        "XksProxyInvalidConfigurationException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_INVALID_CONFIGURATION,
        "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for "
        "your external key store and update if necessary.",
    ),
    ExternalFailure.UNSUPPORTED: Consequence(
        None,
        "CustomKeyStoreInvalidStateException",
        None,
        "The external key store proxy rejected the request because it does not support the requested operation. If "
        "you see this error repeatedly, report it to your external key store proxy administrator.",
    ),
    ExternalFailure.DEPENDENCY_TIMED_OUT: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_TIMED_OUT,
        "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you "
        "see this error repeatedly, report it to your external key store proxy administrator.",
    ),
    ExternalFailure.THROTTLED: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_TIMED_OUT,
        "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of "
        "your calls using KMS keys in this external key store.",
    ),
    ExternalFailure.INTERNAL: Consequence(
        "XksProxyInvalidResponseException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_INVALID_RESPONSE,
        "The external key store proxy rejected the request because it cannot communicate with the external key "
        "manager. Verify that the external key store proxy configuration is correct and that the external key manager "
        "is available.",
    ),
    ExternalFailure.NO_CONNECTION: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_NOT_REACHABLE,
        _NO_TCP,
    ),
    ExternalFailure.NO_NETWORK: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.NETWORK_ERRORS,
        _NO_TCP,
    ),
    ExternalFailure.NO_TLS: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_INVALID_TLS_CONFIGURATION,
        "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, "
        "including its certificate.",
    ),
    ExternalFailure.TIMED_OUT: Consequence(
        "XksProxyUriUnreachableException",
        "CustomKeyStoreInvalidStateException",
        ConnectionErrorCode.XKS_PROXY_TIMED_OUT,
        "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the "
        "request. If you see this error repeatedly, report it to your external key store proxy administrator.",
    ),
    ExternalFailure.STORE_NOT_CONNECTED: Consequence(
        None,
        "CustomKeyStoreInvalidStateException",
        None,
        "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the "
        "external key store and try the request again.",
    ),
    ExternalFailure.ALL_UNAVAILABLE: Consequence(
        "XksProxyUriUnreachableException",
        None,
        ConnectionErrorCode.XKS_PROXY_NOT_REACHABLE,
        "The external key store proxy is in an unhealthy state. If you see this message repeatedly, notify your "
        "external key store proxy administrator.",
    ),
    ExternalFailure.VPC_ENDPOINT_SERVICE_NOT_FOUND: Consequence(
        "XksProxyVpcEndpointServiceNotFoundException",
        None,
        ConnectionErrorCode.XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND,
        "KMS could not find the specified VPC endpoint service. Use DescribeCustomKeyStores to verify the VPC endpoint "
        "service name for the external key store. Also, confirm that the Allow principals list for the VPC endpoint "
        "service includes the KMS service principal for the Region.",
    ),
    ExternalFailure.VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION: Consequence(
        "XksProxyVpcEndpointServiceInvalidConfigurationException",
        None,
        ConnectionErrorCode.XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION,
        "The Amazon VPC endpoint service configuration does not fulfill the requirements for an external key store.",
    ),
}

_REFUSALS: Final[Mapping[XksErrorName, ExternalFailure]] = {
    XksErrorName.VALIDATION: ExternalFailure.UNINTERPRETABLE,
    XksErrorName.INVALID_STATE: ExternalFailure.KEY_NOT_ENABLED,
    XksErrorName.INVALID_CIPHERTEXT: ExternalFailure.CIPHERTEXT_REJECTED,
    XksErrorName.INVALID_KEY_USAGE: ExternalFailure.KEY_USAGE_NOT_PERMITTED,
    XksErrorName.AUTHENTICATION_FAILED: ExternalFailure.NOT_AUTHENTICATED,
    XksErrorName.ACCESS_DENIED: ExternalFailure.ACCESS_DENIED,
    XksErrorName.KEY_NOT_FOUND: ExternalFailure.KEY_NOT_FOUND,
    XksErrorName.INVALID_URI_PATH: ExternalFailure.INVALID_URI_PATH,
    XksErrorName.THROTTLING: ExternalFailure.THROTTLED,
    XksErrorName.UNSUPPORTED_OPERATION: ExternalFailure.UNSUPPORTED,
    XksErrorName.DEPENDENCY_TIMEOUT: ExternalFailure.DEPENDENCY_TIMED_OUT,
    XksErrorName.INTERNAL: ExternalFailure.INTERNAL,
}

_UNREACHABLE: Final[Mapping[Unreachable, ExternalFailure]] = {
    Unreachable.NO_CONNECTION: ExternalFailure.NO_CONNECTION,
    Unreachable.NO_NETWORK: ExternalFailure.NO_NETWORK,
    Unreachable.NO_TLS: ExternalFailure.NO_TLS,
    Unreachable.TIMED_OUT: ExternalFailure.TIMED_OUT,
}

_UNINTERPRETABLE: Final = CONSEQUENCES[ExternalFailure.UNINTERPRETABLE].message


def for_create_or_update(failure: ExternalFailure, text: str = "") -> AwsError:
    """Return what CreateCustomKeyStore and UpdateCustomKeyStore answer when the way to the proxy failed so.

    `text` says more exactly what is wrong than the failure does.
    """
    consequence = CONSEQUENCES[failure]
    if consequence.create_or_update is None:
        return AwsError("XksProxyInvalidResponseException", _UNINTERPRETABLE)
    return AwsError(consequence.create_or_update, text or consequence.message)


def for_create_key(failure: ExternalFailure) -> AwsError:
    """Return what CreateKey answers when GetKeyMetadata failed so."""
    consequence = CONSEQUENCES[failure]
    if consequence.create_key is None:
        return AwsError("CustomKeyStoreInvalidStateException", _UNINTERPRETABLE)
    return AwsError(consequence.create_key, consequence.message)


def for_crypto(failure: ExternalFailure) -> AwsError:
    """Return what a cryptographic operation answers: always KMSInvalidStateException, with the failure's text."""
    return AwsError("KMSInvalidStateException", CONSEQUENCES[failure].message)


def connection_error_code(failure: ExternalFailure) -> ConnectionErrorCode:
    """Return the code that DescribeCustomKeyStores shows after ConnectCustomKeyStore failed so."""
    return CONSEQUENCES[failure].connection_error or ConnectionErrorCode.XKS_PROXY_INVALID_RESPONSE


def failure_of(error: XksClientError) -> ExternalFailure:
    """Name the scenario behind an error of the XKS client."""
    if isinstance(error, XksRefused):
        return _REFUSALS[error.name]
    if isinstance(error, XksUnreachable):
        return _UNREACHABLE[error.kind]
    return ExternalFailure.UNINTERPRETABLE
