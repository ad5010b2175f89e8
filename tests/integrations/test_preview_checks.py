"""The PSA's check in the invoice preview, without a call."""

from collections.abc import Callable
from io import StringIO

from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from billing.preview.checks import CheckResult
from billing.rating.rate_month import BilledQuantity
from core.metrics import Metric
from integrations.models import AutotaskConnection, ServiceMapping
from integrations.preview_checks import psa
from tests.integrations.psa_scenario import PsaScenario
from tests.personas import Personas

SignIn = Callable[..., Client]


def previewed(scenario: PsaScenario, *others: BilledQuantity) -> CheckResult:
    mapped = [
        BilledQuantity(one.organization_id, one.organization.name, Metric.USERS, 31)
        for one in ServiceMapping.objects.select_related("organization").order_by("pk")
    ]
    return psa([*mapped, *others], scenario.now)


def test_the_preview_page_shows_the_check(
    scenario: PsaScenario, people: Personas, client: Client, sign_in: SignIn
) -> None:
    page = sign_in(client, people.bill).get(reverse("invoice_preview"))
    assert "0 of 0 billed organizations are mapped." in page.text


def test_the_preview_command_prints_the_check(scenario: PsaScenario) -> None:
    out = StringIO()
    call_command("preview_close", provider=scenario.provider.invoice_prefix, stdout=out)
    assert "Autotask: 0 of 0 billed organizations are mapped." in out.getvalue()


def test_synced_services_make_no_finding_and_no_call(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.sync()
    calls = len(scenario.stand_in.journal())
    result = previewed(scenario)
    assert (result.is_connected, result.findings) == (True, ())
    assert result.summary == "1 of 1 billed organizations are mapped."
    assert len(scenario.stand_in.journal()) == calls


def test_a_billed_organization_without_a_mapping_is_a_finding(scenario: PsaScenario) -> None:
    scenario.organization(31)
    scenario.sync()
    result = previewed(scenario, BilledQuantity(4711, "Elm Street", Metric.USERS, 1200))
    (finding,) = result.findings
    assert finding.title == "Elm Street is not mapped"
    assert finding.detail == "Nothing bills its 1,200 users in Autotask."
    assert finding.url.endswith("/mapping/4711/")
    assert result.summary == "1 of 2 billed organizations are mapped."


def test_each_problem_is_a_finding_with_its_page(scenario: PsaScenario) -> None:
    for number in range(3):
        scenario.organization(31, number=number)
    scenario.sync()
    scenario.organization(31, number=3)
    scenario.set_units(25, number=1)
    scenario.stand_in.control("PATCH", "rows/Contracts/3002", {"status": 0})
    ServiceMapping.objects.filter(company_id__gt=29_683_502).update(first_month="2026-04-01")
    scenario.sync()
    pages = {one.title: one.url for one in previewed(scenario).findings}
    assert set(pages) == {
        "Client 1 was changed in Autotask",
        "Client 2 is not synced",
        "Client 3 has never been synced",
    }
    assert pages["Client 1 was changed in Autotask"].endswith("/changes/")


def test_the_service_of_an_unbilled_organization_is_no_finding(scenario: PsaScenario) -> None:
    scenario.organization(31)
    assert psa([], scenario.now).findings == ()


def test_a_missing_connection_is_not_reported_as_clean(scenario: PsaScenario) -> None:
    AutotaskConnection.objects.update(credentials="")
    result = previewed(scenario)
    assert not result.is_connected
    assert result.summary == "Autotask is not connected."
