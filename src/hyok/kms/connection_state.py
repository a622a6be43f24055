"""The connection states of a custom key store, and which operation each of them allows.

Source: the AWS service model for KMS (ConnectionStateType, CustomKeyStoreInvalidStateException) and the operations'
own descriptions, which win where the exception's text disagrees with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class ConnectionState(Enum):
    """Whether KMS uses the proxy of a custom key store. CONNECTED says that connecting succeeded once."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    DISCONNECTING = "DISCONNECTING"
    FAILED = "FAILED"


class ConnectionErrorCode(Enum):
    """Why connecting an external key store failed."""

    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    XKS_PROXY_ACCESS_DENIED = "XKS_PROXY_ACCESS_DENIED"
    XKS_PROXY_INVALID_CONFIGURATION = "XKS_PROXY_INVALID_CONFIGURATION"
    XKS_PROXY_INVALID_RESPONSE = "XKS_PROXY_INVALID_RESPONSE"
    XKS_PROXY_INVALID_TLS_CONFIGURATION = "XKS_PROXY_INVALID_TLS_CONFIGURATION"
    XKS_PROXY_NOT_REACHABLE = "XKS_PROXY_NOT_REACHABLE"
    XKS_PROXY_TIMED_OUT = "XKS_PROXY_TIMED_OUT"
    XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND = "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND"
    XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION = "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION"
    NETWORK_ERRORS = "NETWORK_ERRORS"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class StoreOperation(Enum):
    """What a caller may ask of a custom key store, as far as its connection state matters."""

    CONNECT = "ConnectCustomKeyStore"
    DISCONNECT = "DisconnectCustomKeyStore"
    UPDATE_ACCESS = "UpdateCustomKeyStore of the name, the credential or the URI path"
    UPDATE_ENDPOINT = "UpdateCustomKeyStore of the connectivity, the URI endpoint or the VPC endpoint service"
    DELETE = "DeleteCustomKeyStore"


_Op = StoreOperation
_State = ConnectionState

TRANSITIONS: Final[Mapping[ConnectionState, Mapping[StoreOperation, ConnectionState]]] = {
    _State.DISCONNECTED: {
        _Op.CONNECT: _State.CONNECTING,
        _Op.UPDATE_ACCESS: _State.DISCONNECTED,
        _Op.UPDATE_ENDPOINT: _State.DISCONNECTED,
        _Op.DELETE: _State.DISCONNECTED,
    },
    _State.CONNECTING: {
        _Op.CONNECT: _State.CONNECTING,
        _Op.DISCONNECT: _State.DISCONNECTING,
        _Op.UPDATE_ACCESS: _State.CONNECTING,
    },
    _State.CONNECTED: {
        _Op.CONNECT: _State.CONNECTED,
        _Op.DISCONNECT: _State.DISCONNECTING,
        _Op.UPDATE_ACCESS: _State.CONNECTED,
    },
    _State.DISCONNECTING: {},
    _State.FAILED: {
        _Op.DISCONNECT: _State.DISCONNECTED,
        _Op.UPDATE_ACCESS: _State.FAILED,
    },
}
"""The state that follows each operation; an operation that is absent is refused in that state."""


def next_state(state: ConnectionState, operation: StoreOperation) -> ConnectionState | None:
    """Return the state that `operation` leads to, or None where `state` does not allow it."""
    return TRANSITIONS[state].get(operation)
