"""Services raise and resolve alerts by API; a repeated request changes nothing."""

import pytest

from accounts.models import Provider
from core.schema import provider_schema
from tenants.alerts.evaluation import evaluate_rules
from tenants.models import Alert, Organization
from tenants.models.alerts import Kind
from tests.api_client import System, problem
from tests.tenants.alerts.test_alerts import LATER

VPN = {"key": "vpn", "severity": "critical", "title": "VPN is down", "text": "Since 02:10."}


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        return Organization.objects.create(name="Acme")


def test_a_key_is_raised_once_and_resolved_once(north: Provider, acme: Organization) -> None:
    system = System.of(north)
    path = f"/organizations/{acme.pk}/alerts"
    first = system.post(path, VPN)
    again = system.post(path, VPN)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    raised = first.json()
    assert (raised["kind"], raised["severity"], raised["key"]) == ("service", "critical", "vpn")
    assert (raised["organization_id"], raised["resolved_at"]) == (acme.pk, None)

    updated = system.post(path, VPN | {"title": "VPN is slow", "severity": "info"}).json()
    assert (updated["id"], updated["title"], updated["severity"]) == (
        raised["id"],
        "VPN is slow",
        "info",
    )
    over = [system.post(f"{path}/resolve", {"key": "vpn"}).json() for _ in range(2)]
    assert over[0] == over[1]
    assert over[0]["resolved_at"] is not None
    assert system.get(f"/alerts/{raised['id']}").json() == over[0]
    assert system.post(path, VPN).json()["id"] != raised["id"]


def test_two_organizations_may_use_the_same_key(north: Provider, acme: Organization) -> None:
    system = System.of(north)
    with provider_schema(north):
        beta = Organization.objects.create(name="Beta")
    for organization in (acme, beta):
        assert system.post(f"/organizations/{organization.pk}/alerts", VPN).status_code == 201
    system.post(f"/organizations/{acme.pk}/alerts/resolve", {"key": "vpn"})
    still = system.get("/alerts").json()["items"]
    assert [alert["organization_id"] for alert in still] == [beta.pk]
    everything = system.get(f"/alerts?state=all&kind=service&organization_id={acme.pk}").json()
    assert len(everything["items"]) == 1
    assert system.get("/alerts?state=resolved").json()["items"] == everything["items"]


def test_an_invalid_notification_is_refused(north: Provider, acme: Organization) -> None:
    system = System.of(north)
    path = f"/organizations/{acme.pk}/alerts"
    for wrong in (
        {"severity": "fatal"},
        {"link": "javascript:alert(1)"},
        {"link": "ftp://files.example/x"},
        {"title": " "},
        {"key": ""},
        {"text": "a\x00b"},
        {"kind": "payment"},
    ):
        assert problem(system.post(path, VPN | wrong), 422), wrong
    assert problem(system.post(f"{path}/resolve", {"key": "other"}), 404)
    with provider_schema(north):
        assert not Alert.objects.exists()
    accepted = system.post(path, VPN | {"link": "https://monitor.example/vpn"})
    assert accepted.json()["link"] == "https://monitor.example/vpn"


def test_the_alerts_of_a_removed_organization_are_resolved(
    north: Provider, acme: Organization
) -> None:
    System.of(north).post(f"/organizations/{acme.pk}/alerts", VPN)
    with provider_schema(north):
        evaluate_rules(now=LATER)
        assert Alert.objects.open().filter(kind=Kind.SERVICE).exists()
        Organization.objects.update(removed_at=LATER)
        evaluate_rules(now=LATER)
        assert not Alert.objects.open().exists()
