from __future__ import annotations

import subprocess
import sys

import pytest

from hyok.awsjson.model import ShapeReference, ShapeType, load_model
from tests.unit.awsjson.support import published_model, small_model


def test_every_operation_and_shape_of_botocores_model_is_there() -> None:
    model = load_model()

    assert list(model.operations) == list(published_model()["operations"])
    assert set(model.shapes) == set(published_model()["shapes"])


def test_constraints_are_those_of_botocores_model_but_for_the_known_differences() -> None:
    model = load_model()
    differing = []
    for name, published in published_model()["shapes"].items():
        shape = model.shapes[name]
        ours = (shape.type.value, shape.minimum, shape.maximum, shape.pattern, list(shape.enum), shape.sensitive)
        theirs = (
            published["type"],
            published.get("min"),
            published.get("max"),
            published.get("pattern"),
            published.get("enum", []),
            published.get("sensitive", False),
        )
        if ours != theirs or shape.is_empty_allowed:
            differing.append(name)

    assert sorted(differing) == ["KeyIdType", "XksProxyVpcEndpointServiceNameType"]


def test_a_shape_is_found_by_reference() -> None:
    model = load_model()

    assert model.shape(ShapeReference("PlaintextType")).type is ShapeType.BLOB


@pytest.mark.parametrize("reference", [None, ShapeReference("Missing")])
def test_a_reference_to_nothing_is_refused(reference: ShapeReference | None) -> None:
    model = small_model({"Input": {"type": "structure"}})

    with pytest.raises(ValueError, match="a shape that it does not have"):
        model.shape(reference)


def test_loading_the_model_imports_neither_botocores_machinery_nor_anything_that_waits() -> None:
    program = (
        "import sys; from hyok.awsjson.service import load_service_model; load_service_model();"
        "print(*sorted({'asyncio', 'socket', 'ssl', 'botocore.loaders', 'botocore.model', 'json'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
