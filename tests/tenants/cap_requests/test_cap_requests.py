"""Cap requests: one open at a time, decided once, ended once."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Provider
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.cap_requests.decisions import AlreadyDecided, approve, decline, end_approval
from tenants.cap_requests.requests import AlreadyRequested, NothingToRequest
from tenants.models import CapRequest, Organization
from tenants.organizations.lifecycle import set_user_cap
from tests.cap_requests import BILL, NOW, ask, cap_of, otto_at_the_cap, until
from tests.personas import Personas, create_persona
from tests.queued_mails import check_mail

SignIn = Callable[..., Client]


@pytest.fixture
def capped(people: Personas) -> Organization:
    """Otto's organization: two users at a cap of two; users cost 11 dollars."""
    return otto_at_the_cap(people)


def test_each_mail_has_text_and_html(
    people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
        decline(request=request, answer="Not <this> year", actor=BILL, now=NOW)
    mails = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    payloads = [mail.payload for mail in mails]
    for payload in payloads:
        assert "http://testserver" in payload["text"]
        check_mail(payload, is_typed=True)
    assert "Not <this> year" in payloads[1]["text"]
    assert "Not &lt;this&gt; year" in payloads[1]["html"]


def test_a_second_open_request_is_refused(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        ask(capped, people.otto)
        with pytest.raises(AlreadyRequested):
            ask(capped, people.otto, cap=6)
    answer = sign_in(client, people.otto).post("/organization/cap/", {"cap": "6", "reason": "More"})
    assert answer.status_code == 409
    assert "open already" in answer.text


def test_only_a_higher_cap_can_be_requested(
    people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        with pytest.raises(NothingToRequest, match="2 already"):
            ask(capped, people.otto, cap=2)
        set_user_cap(organization=capped, cap=None, actor=SYSTEM_ACTOR, now=NOW)
        with pytest.raises(NothingToRequest, match="no user cap"):
            ask(capped, people.otto)


def test_the_end_of_an_approval_keeps_a_cap_changed_since(
    people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
        end = until(date(2026, 3, 31))
        approve(request=request, until=end, answer="", actor=BILL, now=NOW)
        set_user_cap(organization=capped, cap=7, actor=SYSTEM_ACTOR, now=NOW)
        end_approval({"request_id": request.pk}, end.ends_at)
        assert cap_of(capped) == 7


@pytest.mark.parametrize(
    ("days", "afterwards"),
    [((10, 20), (8, 2)), ((20, 10), (5, 2)), ((10, None), (8, 8))],
)
def test_the_end_of_two_approvals_restores_the_right_cap(
    people: Personas,
    north: Provider,
    capped: Organization,
    days: tuple[int, int | None],
    afterwards: tuple[int, int],
) -> None:
    """A cap of 5 until the first day of March, of 8 until the second: the caps after both days."""
    first, second = days
    with provider_schema(north):
        one = ask(capped, people.otto)
        approve(request=one, until=until(date(2026, 3, first)), answer="", actor=BILL, now=NOW)
        two = ask(capped, people.otto, cap=8)
        end = until(date(2026, 3, second)) if second else None
        approve(request=two, until=end, answer="", actor=BILL, now=NOW)
        caps = []
        for day in (11, 21):
            deliver_due(now=datetime(2026, 3, day, tzinfo=UTC), schema=north.schema_name)
            caps.append(cap_of(capped))
        assert tuple(caps) == afterwards


@pytest.mark.proof
def test_the_first_of_two_answers_wins_and_the_second_is_refused(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider(canary="Racer")
    requester = create_persona(
        provider=provider, role=Role.OWNER, name="Owner Racer", email="owner@racer.example"
    )
    with provider_schema(provider):
        organization = Organization.objects.create(name="Raced")
    for attempt in range(12):
        with provider_schema(provider):
            set_user_cap(organization=organization, cap=2, actor=SYSTEM_ACTOR, now=NOW)
            request = ask(organization, requester)
        refused = race(provider, request)
        with provider_schema(provider):
            request.refresh_from_db()
            assert len(refused) == 1, attempt
            assert cap_of(organization) == (5 if request.state == "approved" else 2)


def race(provider: Provider, request: CapRequest) -> list[AlreadyDecided]:
    barrier, refused = Barrier(2), []

    def answer(act: Callable[[], object]) -> None:
        try:
            with provider_schema(provider):
                barrier.wait()
                act()
        except AlreadyDecided as error:
            refused.append(error)
        finally:
            connection.close()

    acts = (
        lambda: approve(request=request, until=None, answer="", actor=BILL, now=NOW),
        lambda: decline(request=request, answer="No", actor=BILL, now=NOW),
    )
    threads = [Thread(target=answer, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused
