"""The API as a whole: authentication, isolation, rate limit, errors, reference."""

import json
import re
import secrets
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import ApiKey, Provider
from accounts.policies import API_KEY, policy_of
from billing.dunning.suspension import SuspendableKey
from core.schema import current_schema, provider_schema
from mtp.api import api
from tenants.alerts import raise_alert
from tenants.alerts.rules import Condition
from tenants.models import AuditEntry, Device, ManagedUser, Organization, Severity, UserAlias
from tenants.models.alerts import Kind
from tests.api_client import ROOT, System, key_for, problem
from tests.personas import CANARIES, Personas
from tests.routes import all_routes

CANARY = CANARIES["north"]
MISSING = 987_654_321
CONDITION = Condition("ledger", Kind.LEDGER, Severity.INFO, f"Usage ledger of {CANARY}")


def operations() -> list[tuple[str, str]]:
    """Method and path of each operation in the OpenAPI description."""
    paths = api.get_openapi_schema()["paths"]
    return [
        (method.upper(), path.removeprefix(ROOT))
        for path, methods in paths.items()
        for method in methods
    ]


def filled(path: str, **ids: object) -> str:
    """The path with these values for its parameters."""
    return re.sub(r"{(\w+)}", lambda match: str(ids[match[1]]), path)


def test_every_operation_requires_a_key() -> None:
    for bound in api._get_bound_routers():  # noqa: SLF001 - Ninja has no public name for it
        for view in bound.path_operations.values():
            for operation in view.operations:
                kinds = [type(auth) for auth in operation.auth_callbacks]
                assert kinds == [SuspendableKey], operation.path
                assert operation.throttle_objects, operation.path


def test_only_the_reference_of_the_api_is_public() -> None:
    named = {
        str(route): policy_of(view=route.view, name=route.name, namespaces=route.namespaces)
        for route in all_routes()
        if route.namespaces == ("api",)
    }
    assert len(named) > len({path for _, path in operations()})
    public = {name for name, policy in named.items() if policy != API_KEY}
    assert public == {"api:openapi-json", "api:openapi-view"}


def test_every_operation_refuses_requests_without_a_valid_key(
    client: Client, north: Provider, people: Personas
) -> None:
    key = key_for(north)
    key_for(north)
    signed_in = System(None)
    signed_in.client.force_login(people.olive)
    for system in (System(None), System("mtp_wrong"), System(key), signed_in):
        for method, path in operations():
            address = filled(
                path,
                organization_id=1,
                user_id=1,
                device_id=1,
                alert_id=1,
                alias_id=1,
                month="2026-01",
            )
            response = system.ask(method, address, {})
            assert problem(response, 401)["code"] == "key-refused", path
            assert "ApiKey" in response["WWW-Authenticate"]


def test_the_key_and_not_the_session_selects_the_provider(
    north: Provider, south: Provider, people: Personas
) -> None:
    with provider_schema(north):
        Organization.objects.create(name=f"Bakery {CANARY}")
    southern = System.of(south)
    southern.client.force_login(people.olive)
    response = southern.get("/organizations")
    assert response.json()["items"] == []
    assert current_schema() == "public"


def test_a_key_stops_in_the_second_it_expires(north: Provider) -> None:
    system = System.of(north)
    end = datetime(2030, 1, 1, tzinfo=UTC)
    ApiKey.objects.update(expires_at=end)
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert system.get("/organizations").status_code == 200
    with time_machine.travel(end, tick=False):
        problem(system.get("/organizations"), 401)


def test_a_provider_in_provisioning_gets_retry_after(north: Provider) -> None:
    system = System.of(north)
    Provider.objects.filter(pk=north.pk).update(state=Provider.State.PROVISIONING)
    response = system.get("/organizations")
    assert problem(response, 503)["code"] == "not-ready"
    assert response["Retry-After"]


def test_rows_of_another_provider_answer_like_missing_rows(
    north: Provider, south: Provider
) -> None:
    with provider_schema(north):
        organization = Organization.objects.create(name=f"Bakery {CANARY}")
        user = ManagedUser.objects.create(organization=organization, email=f"u@{CANARY}.example")
        device = Device.objects.create(organization=organization, name=CANARY, serial_number=CANARY)
        alias = UserAlias.objects.create(
            organization=organization, user=user, kind="address", text=CANARY, key=CANARY
        )
        alert = raise_alert(condition=CONDITION, now=timezone.now())
    with provider_schema(south):
        own = Organization.objects.create(name="Own")
    bodies = {
        "users": {"email": "a@b.example"},
        "devices": {"serial_number": "1", "name": "n"},
        "bulk": {"users": [{"email": "a@b.example"}]},
        "activity": {"activities": [{"email": "a@b.example"}]},
        "alerts": {"key": "k", "title": "t"},
        "resolve": {"key": CANARY},
    }
    southern = System.of(south)
    foreign = {"organization_id": organization.pk, "user_id": user.pk, "device_id": device.pk}
    foreign["alert_id"] = alert.pk
    foreign["alias_id"] = alias.pk
    for method, path in operations():
        if "_id}" not in path:
            continue
        name = path.rpartition("/")[2]
        body = bodies.get(name, {})
        if path.endswith("devices/bulk"):
            body = {"devices": [bodies["devices"]]}
        targets = [foreign, dict.fromkeys(foreign, MISSING)]
        if "user_id" in path or "device_id" in path:
            targets.append(foreign | {"organization_id": own.pk})
        answers = [
            southern.ask(method, filled(path, **ids, month="2026-01"), body) for ids in targets
        ]
        assert {answer.status_code for answer in answers} == {404}, (method, path)
        assert len({answer.content for answer in answers}) == 1, (method, path)
        assert CANARY.lower() not in answers[0].content.decode().lower()
    with provider_schema(north):
        assert ManagedUser.objects.filter(removed_at=None).count() == 1
        assert not AuditEntry.objects.exists()


def test_each_key_has_its_own_rate(north: Provider, south: Provider, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    northern, southern = System.of(north), System.of(south)
    # A random minute: counts of earlier runs stay in Redis, under the same key ids.
    minute = datetime(2031, 1, 1, tzinfo=UTC) + timedelta(minutes=secrets.randbelow(10**6))
    with time_machine.travel(minute + timedelta(seconds=20), tick=False):
        assert [northern.get("/organizations").status_code for _ in range(4)] == [200] * 3 + [429]
        refused = northern.get("/organizations")
        assert problem(refused, 429)["code"] == "too-many-requests"
        assert refused["Retry-After"] == "40"
        assert southern.get("/organizations").status_code == 200
    with time_machine.travel(minute + timedelta(minutes=1), tick=False):
        assert northern.get("/organizations").status_code == 200


def test_every_error_is_a_problem(north: Provider) -> None:
    system = System.of(north)
    assert problem(system.get("/nothing"), 404)["code"] == "not-found"
    assert problem(system.get("/organizations/abc"), 422)["code"] == "invalid"
    not_allowed = system.ask("PUT", "/organizations")
    assert problem(not_allowed, 405)["code"] == "method-not-allowed"
    assert "POST" in not_allowed["Allow"]
    assert problem(system.post("/organizations", b"{"), 400)["code"] == "bad-request"
    invalid = problem(system.post("/organizations", {"name": ""}), 422)
    assert invalid["errors"][0]["location"][-1] == "name"
    assert problem(system.post("/organizations", {"name": "A", "naem": 1}), 422)


def test_an_unexpected_error_reveals_no_detail(
    north: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("tenants.api.organizations.with_member_counts", broken)
    response = System.of(north).get("/organizations")
    assert problem(response, 500)["code"] == "server-error"
    assert "secret" not in response.content.decode()


def test_the_reference_loads_scripts_from_the_portal_only(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "//cdn" not in page.text
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page.text)
    description = client.get("/api/v1/openapi.json").json()
    assert "x-api-key" in json.dumps(description["components"]["securitySchemes"])


def test_the_description_has_an_error_response_for_each_operation(client: Client, db: None) -> None:
    description = client.get("/api/v1/openapi.json").json()
    for methods in description["paths"].values():
        for operation in methods.values():
            content = operation["responses"]["default"]["content"]
            assert list(content) == ["application/problem+json"]
    assert "code" in description["components"]["schemas"]["Problem"]["required"]


def test_a_body_over_the_limit_is_too_large(north: Provider) -> None:
    body = json.dumps({"name": "x" * 2_700_000})
    answer = Client().post(
        f"{ROOT}/organizations",
        data=body,
        content_type="application/json",
        headers={"x-api-key": key_for(north)},
    )
    assert problem(answer, 413)["code"] == "too-large"
