from __future__ import annotations

import itertools

import pytest

from hyok.kms.connection_state import ConnectionState, StoreOperation, next_state

# AWS KMS Developer Guide and service model, written out by hand: rows are states, columns CONNECT, DISCONNECT,
# UPDATE_ACCESS, UPDATE_ENDPOINT, DELETE; "-" is CustomKeyStoreInvalidStateException.
MATRIX = """
DISCONNECTED   CONNECTING  -              DISCONNECTED  DISCONNECTED  DISCONNECTED
CONNECTING     CONNECTING  DISCONNECTING  CONNECTING    -             -
CONNECTED      CONNECTED   DISCONNECTING  CONNECTED     -             -
DISCONNECTING  -           -              -             -             -
FAILED         -           DISCONNECTED   FAILED        -             -
"""
OPERATIONS = (
    StoreOperation.CONNECT,
    StoreOperation.DISCONNECT,
    StoreOperation.UPDATE_ACCESS,
    StoreOperation.UPDATE_ENDPOINT,
    StoreOperation.DELETE,
)
EXPECTED = {
    (ConnectionState[row.split()[0]], operation): None if cell == "-" else ConnectionState[cell]
    for row in MATRIX.strip().splitlines()
    for operation, cell in zip(OPERATIONS, row.split()[1:], strict=True)
}


@pytest.mark.parametrize(
    ("state", "operation"), list(itertools.product(ConnectionState, StoreOperation)), ids=lambda value: value.name
)
def test_every_operation_in_every_state_leads_where_aws_says(state: ConnectionState, operation: StoreOperation) -> None:
    assert next_state(state, operation) is EXPECTED[state, operation]
