from __future__ import annotations

from hyok.awsjson.service import ServiceModel, load_service_model
from tests.unit.awsjson.support import operation_names, small_model


def test_the_installed_botocores_56_operations_are_all_there() -> None:
    assert list(load_service_model().operations) == operation_names()
    assert len(operation_names()) >= 56


def test_an_operation_answers_the_same_on_its_second_use() -> None:
    service = ServiceModel(
        small_model({"Input": {"type": "structure", "members": {"A": {"shape": "B"}}}, "B": {"type": "blob"}})
    )

    assert [service.decode_input("Act", b'{"A": "AA=="}') for _ in range(2)] == [{"A": b"\0"}] * 2
    assert [service.encode_output("Act", {"A": b"\0"}) for _ in range(2)] == [b'{"A":"AA=="}'] * 2
