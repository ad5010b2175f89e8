"""What a month's rehearsal is told of the PSA, without a call."""

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
from tests.integrations.autotask_stage import Stage
from tests.personas import Personas

SignIn = Callable[..., Client]


def rehearsed(stage: Stage, *others: BilledQuantity) -> CheckResult:
    mapped = [
        BilledQuantity(one.organization_id, one.organization.name, Metric.USERS, 31)
        for one in ServiceMapping.objects.select_related("organization").order_by("pk")
    ]
    return psa([*mapped, *others], stage.now)


def test_the_page_has_its_answer(
    stage: Stage, people: Personas, client: Client, sign_in: SignIn
) -> None:
    page = sign_in(client, people.bill).get(reverse("invoice_preview"))
    assert "0 of 0 billed organizations are mapped." in page.text


def test_the_command_has_its_answer(stage: Stage) -> None:
    out = StringIO()
    call_command("preview_close", provider=stage.provider.invoice_prefix, stdout=out)
    assert "Autotask: 0 of 0 billed organizations are mapped." in out.getvalue()


def test_synced_services_are_in_order_and_no_call_is_made(stage: Stage) -> None:
    stage.organization(31)
    stage.sync()
    asked = len(stage.stand_in.journal())
    result = rehearsed(stage)
    assert (result.is_connected, result.findings) == (True, ())
    assert result.summary == "1 of 1 billed organizations are mapped."
    assert len(stage.stand_in.journal()) == asked


def test_who_is_billed_and_not_mapped_is_named(stage: Stage) -> None:
    stage.organization(31)
    stage.sync()
    result = rehearsed(stage, BilledQuantity(4711, "Elm Street", Metric.USERS, 1200))
    (finding,) = result.findings
    assert finding.title == "Elm Street is not mapped"
    assert finding.detail == "Nothing bills its 1,200 users in Autotask."
    assert finding.url.endswith("/mapping/4711/")
    assert result.summary == "1 of 2 billed organizations are mapped."


def test_each_trouble_has_its_finding_and_its_page(stage: Stage) -> None:
    for number in range(3):
        stage.organization(31, number=number)
    stage.sync()
    stage.organization(31, number=3)
    stage.set_units(25, number=1)
    stage.stand_in.control("PATCH", "rows/Contracts/3002", {"status": 0})
    ServiceMapping.objects.filter(company_id__gt=29_683_502).update(first_month="2026-04-01")
    stage.sync()
    found = {one.title: one.url for one in rehearsed(stage).findings}
    assert set(found) == {
        "Client 1 was changed in Autotask",
        "Client 2 is not synced",
        "Client 3 has never been synced",
    }
    assert found["Client 1 was changed in Autotask"].endswith("/changes/")


def test_a_removed_organizations_service_is_no_finding(stage: Stage) -> None:
    stage.organization(31)
    assert psa([], stage.now).findings == ()


def test_without_a_connection_nothing_reads_as_clean(stage: Stage) -> None:
    AutotaskConnection.objects.update(credentials="")
    result = rehearsed(stage)
    assert not result.is_connected
    assert result.summary == "Autotask is not connected."
