"""Cases: submitted, mailed, answered by operations, and seen by whom they concern."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.cases.cases import MOST_PER_HOUR
from tenants.models import AuditEntry, SupportCase
from tests.personas import Personas
from tests.queued_mails import check_mail, payload_of

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
QUESTION = {"subject": "Where is my invoice?", "text": "I can't find <October>.\nThank you"}
VISITOR = {**QUESTION, "name": "Vera", "email": "vera@visitor.example"}
SUBMIT = "/help/case/"


@pytest.fixture(autouse=True)
def _november() -> Iterator[None]:
    caches["default"].clear()
    with time_machine.travel(NOW, tick=False):
        yield


def mails() -> list[dict[str, object]]:
    return [
        payload_of(one) for one in OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    ]


def test_a_case_is_kept_and_mailed_to_support(
    client: Client, people: Personas, north: Provider, settings: object
) -> None:
    client.force_login(people.adam)
    assert client.post(SUBMIT, QUESTION).status_code == 302
    with provider_schema(north):
        case = SupportCase.objects.get()
        message = case.messages.get()
        assert AuditEntry.objects.filter(action="case.submitted").count() == 1
    assert (case.subject, case.state) == (QUESTION["subject"], "open")
    assert (message.text, message.author_name) == (QUESTION["text"], people.adam.name)
    (mail,) = mails()
    check_mail(mail, is_typed=True)
    assert mail["to"] == [settings.SUPPORT_EMAIL]
    assert "I can't find <October>." in mail["text"]
    assert people.adam.email in mail["text"]
    assert "&lt;October&gt;" in mail["html"]
    assert f"/operations/tenants/supportcase/{case.pk}/change/" in mail["text"]


def submitted(client: Client, person: object, north: Provider) -> SupportCase:
    client.force_login(person)
    client.post(SUBMIT, QUESTION)
    with provider_schema(north):
        return SupportCase.objects.order_by("-pk")[0]


def test_operations_answer_and_the_answer_is_mailed_and_shown(
    client: Client, people: Personas, north: Provider
) -> None:
    case = submitted(client, people.adam, north)
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = north.pk
    session.save()
    page = reverse("admin:tenants_supportcase_change", args=[case.pk])
    assert "I can&#x27;t find &lt;October&gt;." in client.get(page).content.decode()
    assert client.post(page, {"text": "In Payment History."}).status_code == 302
    answer = mails()[-1]
    assert answer["to"] == [people.adam.email]
    assert "In Payment History." in answer["text"]
    assert "In Payment History." in answer["html"]
    check_mail(answer, is_typed=True)

    client.force_login(people.adam)
    shown = client.get(f"/account/cases/{case.pk}/").content.decode()
    assert "In Payment History." in shown
    assert "Answered" in shown
    assert "Answered" in client.get("/account/cases/").content.decode()
    # A reply opens it again, and support gets a mail.
    client.post(f"/account/cases/{case.pk}/", {"text": "Found it"})
    assert "Found it" in mails()[-1]["text"]
    client.post(f"/account/cases/{case.pk}/", {"close": "1"})
    with provider_schema(north):
        states = AuditEntry.objects.filter(action__startswith="case.").order_by("pk")
        assert list(states.values_list("action", flat=True)) == [
            "case.submitted",
            "case.answered",
            "case.open",
            "case.closed",
        ]


def test_a_case_is_seen_by_its_person_and_by_those_who_see_payment_information(
    client: Client, people: Personas, north: Provider
) -> None:
    case = submitted(client, people.adam, north)
    for person, status in (
        (people.adam, 200),
        (people.bill, 200),
        (people.olive, 200),
        (people.rita, 404),
        (people.otto, 404),
        (people.sofia, 404),
    ):
        client.force_login(person)
        assert client.get(f"/account/cases/{case.pk}/").status_code == status, person
        listed = QUESTION["subject"] in client.get("/account/cases/").content.decode()
        assert listed == (status == 200), person


def test_a_person_is_limited_to_so_many_messages_an_hour(
    client: Client, people: Personas, north: Provider
) -> None:
    client.force_login(people.adam)
    for _ in range(MOST_PER_HOUR):
        assert client.post(SUBMIT, QUESTION).status_code == 302
    refused = client.post(SUBMIT, QUESTION)
    assert refused.status_code == 429
    assert "Nothing was sent" in refused.content.decode()
    assert len(mails()) == MOST_PER_HOUR


def test_a_visitor_mails_support_and_leaves_nothing(
    client: Client, db: None, settings: object
) -> None:
    assert client.post(SUBMIT, VISITOR).status_code == 302
    (mail,) = mails()
    assert mail["to"] == [settings.SUPPORT_EMAIL]
    assert "vera@visitor.example" in mail["text"]
    assert QUESTION["subject"] in mail["subject"]


def test_a_visitor_is_limited_and_programs_send_nothing(client: Client, db: None) -> None:
    assert client.post(SUBMIT, {**VISITOR, "website": "http://x"}).status_code == 302
    assert mails() == []
    answers = [client.post(SUBMIT, VISITOR).status_code for _ in range(7)]
    assert answers == [302] * 5 + [429] * 2
    assert len(mails()) == 5


def test_while_visitors_cannot_be_counted_nothing_is_sent(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> int:
        raise ValueError

    monkeypatch.setattr("tenants.views.support.counted", away)
    assert client.post(SUBMIT, VISITOR).status_code == 429
    assert mails() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", ""),
        ("text", ""),
        ("text", "a" * 5001),
        ("email", "no-address"),
        ("name", "\u202e"),
    ],
)
def test_an_error_is_shown_by_its_field_and_nothing_is_sent(
    field: str, value: str, client: Client, db: None
) -> None:
    answer = client.post(SUBMIT, {**VISITOR, field: value})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert mails() == []


def test_every_page_leads_to_help_and_a_case(
    client: Client, people: Personas, north: Provider
) -> None:
    entrance = client.get("/accounts/login/").content.decode()
    missing = client.get("/nothing-here/").content.decode()
    client.force_login(people.rita)
    own = client.get("/organizations/").content.decode()
    refused = client.get("/account/billing/").content.decode()
    for page in (entrance, missing, own, refused):
        assert 'href="/help/"' in page
        assert 'href="/help/case/"' in page
        assert "Submit a Case" in page


def test_help_names_whom_to_ask(
    client: Client, people: Personas, north: Provider, settings: object
) -> None:
    Provider.objects.filter(pk=north.pk).update(
        account_manager_name="Ana Manager", account_manager_email="ana@seller.example"
    )
    assert settings.SUPPORT_EMAIL in client.get("/help/").content.decode()
    client.force_login(people.adam)
    page = client.get("/help/").content.decode()
    assert "Still have questions?" in page
    for address in (settings.SUPPORT_EMAIL, "ana@seller.example", people.bill.email):
        assert f"mailto:{address}" in page
    client.force_login(people.otto)
    page = client.get("/help/").content.decode()
    assert north.contact_email in page
    assert "ana@seller.example" not in page
    assert people.bill.email not in page
