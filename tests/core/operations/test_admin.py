"""Operations look after alerts: acknowledge, act inside the provider, settle with a note."""

from collections.abc import Iterator

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from core.operations.alerts import raise_alert
from core.operations.kinds import _kinds, alert_kind
from core.operations.models import OperationsAlert
from core.schema import provider_schema
from tests.personas import Personas

LIST = "/operations/operations/operationsalert/"


@pytest.fixture(autouse=True)
def _kinds_of_tests() -> Iterator[None]:
    alert_kind("tests.seen", title="Seen by code")
    alert_kind("tests.unseen", title="Seen by a person", settled_by_hand=True)
    yield
    del _kinds["tests.seen"], _kinds["tests.unseen"]


@pytest.fixture
def operations(client: Client, people: Personas) -> Client:
    """A browser in which operations staff is signed in."""
    client.force_login(people.staff)
    return client


def raised(kind: str, provider: Provider) -> OperationsAlert:
    with provider_schema(provider):
        raise_alert(
            kind=kind,
            key="k",
            summary="It broke.",
            next_step="Mend it.",
            link="/operations/billing/invoice/",
            now=timezone.now(),
        )
    return OperationsAlert.objects.get(kind=kind)


def test_an_alert_leads_to_the_place_where_a_person_acts(
    operations: Client, north: Provider
) -> None:
    alert = raised("tests.seen", north)
    assert north.name in operations.get(LIST).text
    page = operations.get(f"{LIST}{alert.pk}/change/").text
    assert "Mend it." in page
    assert f"Work in {north.name} and open it" in page
    assert "It is settled as soon as its cause is gone." in page


def test_a_person_acknowledges_it_and_it_stays_open(operations: Client, north: Provider) -> None:
    alert = raised("tests.seen", north)
    for _ in range(2):
        operations.post(f"{LIST}{alert.pk}/acknowledge/")
    alert.refresh_from_db()
    assert alert.acknowledged_by_name
    assert alert.settled_at is None
    assert LogEntry.objects.filter(object_id=str(alert.pk)).count() == 1


def test_a_person_settles_what_no_code_can_see_with_a_note(
    operations: Client, north: Provider
) -> None:
    alert = raised("tests.unseen", north)
    refused = operations.post(f"{LIST}{alert.pk}/settle/", {"note": ""})
    assert refused.status_code == 422
    assert "This field is required." in refused.text
    operations.post(f"{LIST}{alert.pk}/settle/", {"note": "Called the provider."})
    alert.refresh_from_db()
    assert alert.settled_at is not None
    assert (alert.note, bool(alert.settled_by_name)) == ("Called the provider.", True)
    assert "Called the provider." in LogEntry.objects.get(object_id=str(alert.pk)).change_message
    again = operations.post(f"{LIST}{alert.pk}/settle/", {"note": "Again."}, follow=True)
    assert "It is settled already." in again.text


def test_a_person_cannot_settle_what_code_sees(operations: Client, north: Provider) -> None:
    alert = raised("tests.seen", north)
    answer = operations.post(f"{LIST}{alert.pk}/settle/", {"note": "Go away."}, follow=True)
    assert "It is settled as soon as its cause is gone." in answer.text
    alert.refresh_from_db()
    assert alert.settled_at is None


def test_the_list_shows_open_alerts_and_on_request_the_others(
    operations: Client, north: Provider
) -> None:
    alert = raised("tests.unseen", north)
    assert "It broke." in operations.get(LIST).text
    alert.settle_by_hand(by="Bea", note="Done.", now=timezone.now())
    assert "It broke." not in operations.get(LIST).text
    assert "It broke." in operations.get(f"{LIST}?state=settled").text
    assert "It broke." in operations.get(f"{LIST}?state=all&kind=tests.unseen").text
