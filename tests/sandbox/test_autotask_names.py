"""The stand-in's property names against the vendor's public Swagger description."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.autotask.schema import ENTITIES
from tests.autotask_fixtures import ROOT, AutotaskStandIn

SWAGGER = ROOT.parent / "shared" / "data" / "autotask-v1-subset.json"
TYPES = {
    ("integer", "int32"): "integer",
    ("integer", "int64"): "long",
    ("number", "double"): "double",
    ("string", "date-time"): "datetime",
    ("string", None): "string",
    ("boolean", None): "boolean",
}

pytestmark = pytest.mark.skipif(
    not SWAGGER.exists(), reason="the Swagger description is not part of this repository"
)


def described(model: str) -> dict[str, str]:
    definitions = json.loads(Path(SWAGGER).read_text(encoding="utf-8"))["definitions"]
    properties: dict[str, Any] = definitions[model]["properties"]
    return {
        on_the_wire(name): TYPES.get((it.get("type"), it.get("format")), "object")
        for name, it in properties.items()
    }


def on_the_wire(name: str) -> str:
    """camelCase as the API writes it: a leading acronym goes to lower case whole."""
    return re.sub(r"^(?:[A-Z]+(?![a-z])|[A-Z])", lambda it: it[0].lower(), name)


@pytest.mark.parametrize("entity", ENTITIES.values(), ids=lambda it: it.name)
def test_every_entity_has_exactly_the_described_properties(entity: Any) -> None:
    expected = described(f"{entity.singular}Model")
    assert entity.fields == {
        name: kind
        for name, kind in expected.items()
        if name not in {"soapParentPropertyId", "userDefinedFields"}
    }


def test_answers_use_described_properties(autotask_stand_in: AutotaskStandIn) -> None:
    api = autotask_stand_in.api
    user = {"user": "api@autotask.example"}
    count = api.post("Companies/query/count", json={"Filter": [{"op": "exist", "field": "id"}]})
    fields = api.get("Tickets/entityInformation/fields").json()
    field = next(it for it in fields["fields"] if it["isPickList"])
    for model, answer in (
        ("ZoneInformationResultModel", api.get("ZoneInformation", params=user).json()),
        ("ThresholdStatusResultModel", api.get("ThresholdInformation").json()),
        ("QueryCountResultModel", count.json()),
        ("FieldInformationResultModel", fields),
        ("FieldInformationModel", field),
        ("PickListValue", field["picklistValues"][0]),
    ):
        assert set(answer) == set(described(model)), model


def test_requests_use_described_properties() -> None:
    from sandbox.autotask import filters, queries

    assert {name.lower() for name in described("QueryModel")} == queries.PROPERTIES
    assert {name.lower() for name in described("Filter")} == filters.PROPERTIES
