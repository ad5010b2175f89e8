"""Random requests to the API: each gets a documented response, never status 500."""

import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Organization
from tests.api_client import System
from tests.mtp.test_api import filled, operations

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["a@b.example", "\0", "\ud800", "2026-01", "x" * 300, 2**63, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = (
    "name",
    "email",
    "external_id",
    "serial_number",
    "user_cap",
    "state",
    "user_id",
    "at",
    "mode",
)
ENTRY = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, ANYTHING))
PLAUSIBLE = ENTRY | st.fixed_dictionaries(
    {},
    optional={
        "users": st.lists(ENTRY, max_size=3),
        "devices": st.lists(ENTRY, max_size=3),
        "activities": st.lists(ENTRY, max_size=3),
    },
)
BODIES = st.one_of(
    ANYTHING.map(lambda body: json.dumps(body).encode()),
    PLAUSIBLE.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=40),
    st.just(b"[" * 100_000),
    st.just(b"9" * 5_000),
)
PARTS = st.sampled_from(["1", "0", str(2**63), "9" * 40, "2026-01", "0000-00", "%00", "-1", "é"])
QUERIES = st.sampled_from(
    [
        "",
        "?limit=0",
        "?limit=9999999999999999999999",
        "?after=-1",
        "?after=%00",
        "?after=" + "9" * 19,
        "?external_id=%00",
        "?external_id=%ff",
        "?external_id=" + "x" * 300,
        "?limit=1&limit=a",
    ]
)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    operation=st.sampled_from(operations()),
    part=PARTS,
    exists=st.booleans(),
    query=QUERIES,
    body=BODIES,
)
def test_no_request_is_answered_with_500(
    *,
    fuzzed: tuple[System, int],
    operation: tuple[str, str],
    part: str,
    exists: bool,
    query: str,
    body: bytes,
) -> None:
    system, organization_id = fuzzed
    method, path = operation
    ids: dict[str, Any] = dict.fromkeys(
        ("user_id", "alias_id", "device_id", "alert_id", "month"), part
    )
    ids["organization_id"] = organization_id if exists else part
    with transaction.atomic():
        response = system.ask(method, filled(path, **ids) + query, body)
        transaction.set_rollback(True)
    assert response.status_code < 500, (method, path, part, query, body)
    if response.status_code >= 400:
        assert response["Content-Type"] == "application/problem+json"
        assert json.loads(response.content)["code"]


@pytest.fixture
def fuzzed(north: Provider, settings: Any) -> tuple[System, int]:
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    with provider_schema(north):
        organization = Organization.objects.create(name="Bakery")
    return System.of(north), organization.pk
