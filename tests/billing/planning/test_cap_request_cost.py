"""Cap requests: the pages, from the refusal to the raised cap and back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from billing.planning.cap_request_cost import cap_cost
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.cap_requests.decisions import CapAlreadyHigher, approve, end_approval
from tenants.models import AuditEntry, CapRequest, Organization
from tenants.organizations.lifecycle import remove_organization, set_user_cap
from tests.cap_requests import BILL, NOW, ask, cap_of, contract, mails, otto_at_the_cap
from tests.personas import Personas

OWN, LIST = "/organization/cap/", "/account/cap-requests/"
SignIn = Callable[..., Client]


@pytest.fixture
def capped(people: Personas) -> Organization:
    """Otto's organization: two users at a cap of two; users cost 11 dollars."""
    return otto_at_the_cap(people)


@pytest.fixture
def as_otto(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.otto)


@pytest.fixture
def as_bill(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.bill)


def test_a_request_goes_from_the_refusal_to_the_raised_cap(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    otto = sign_in(client, people.otto)
    refused = otto.post("/organization/users/add/", {"email": "third@otto.example"})
    assert f'href="{OWN}"' in refused.text
    assert otto.post(OWN, {"cap": "5", "reason": "Three new cooks"}).status_code == 302
    assert "Your request is open" in otto.get(OWN).text
    bill = sign_in(Client(), people.bill)
    page = bill.get(LIST)
    assert "$33.00" in page.text
    assert '>1<span class="sr-only"> waiting' in page.text
    with provider_schema(north):
        request = CapRequest.objects.get()
    assert "Three new cooks" in bill.get(f"{LIST}{request.pk}/").text
    bill.post(f"{LIST}{request.pk}/", {"decision": "approve", "answer": "Welcome, cooks"})
    form = {"email": "third@otto.example", "seen_peak": "3"}
    added = otto.post("/organization/users/add/", form)
    assert added.status_code == 302
    assert "Welcome, cooks" in otto.get(OWN).text
    assert "waiting" not in bill.get(LIST).text
    assert "Approved" in bill.get(f"{LIST}?filter=answered").text
    deciders = [people.olive.email, people.bill.email]
    assert [to for to, _ in mails()] == [deciders, ["otto@nordlicht.example"]]
    with provider_schema(north):
        actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
        assert actions[-4:-1] == [
            "cap_request.made",
            "organization.user_cap_changed",
            "cap_request.approved",
        ]


def test_declining_needs_a_text_and_changes_no_cap(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
    bill = sign_in(client, people.bill)
    address = f"{LIST}{request.pk}/"
    assert bill.post(address, {"decision": "decline"}).status_code == 422
    assert bill.post(address, {"decision": "decline", "answer": "No"}).status_code == 302
    second = bill.post(address, {"decision": "approve"})
    assert second.status_code == 409
    assert "Bill Nordlicht declined this request before you" in second.text
    with provider_schema(north):
        assert cap_of(capped) == 2
        assert mails()[-1] == (["otto@nordlicht.example"], "Your request was declined")


@pytest.mark.parametrize(
    ("cap", "reason"),
    [
        ("", "x"),
        ("two", "x"),
        ("10001", "x"),
        ("9" * 5000, "x"),
        ("5", ""),
        ("5", "\u202ex"),
        ("5", "x" * 1001),
    ],
)
def test_an_invalid_request_is_refused_with_a_reason(
    as_otto: Client, north: Provider, capped: Organization, cap: str, reason: str
) -> None:
    answer = as_otto.post(OWN, {"cap": cap, "reason": reason})
    assert answer.status_code == 422
    with provider_schema(north):
        assert not CapRequest.objects.exists()


def test_approving_never_lowers_a_cap(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
        for cap in (None, 5, 8):
            set_user_cap(organization=capped, cap=cap, actor=SYSTEM_ACTOR, now=NOW)
            with pytest.raises(CapAlreadyHigher):
                approve(request=request, until=None, answer="", actor=BILL, now=NOW)
            assert cap_of(capped) == cap
    answer = sign_in(client, people.bill).post(f"{LIST}{request.pk}/", {"decision": "approve"})
    assert answer.status_code == 409
    assert "The user cap is 8 by now" in answer.text


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize("day", ["2026-03-02", "2030-01-01", "9999-12-31", "31.3.", "0000-00-00"])
def test_invalid_last_days_are_refused(
    as_bill: Client, people: Personas, capped: Organization, day: str
) -> None:
    with provider_schema(people.north):
        request = ask(capped, people.otto)
    form = {"decision": "approve", "last_day": day}
    assert as_bill.post(f"{LIST}{request.pk}/", form).status_code == 422


@time_machine.travel(NOW, tick=False)
def test_the_former_cap_returns_after_the_last_day(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
    form = {"decision": "approve", "last_day": "2026-03-31"}
    assert sign_in(client, people.bill).post(f"{LIST}{request.pk}/", form).status_code == 302
    midnight = datetime(2026, 4, 1, tzinfo=UTC)
    with provider_schema(north):
        deliver_due(now=midnight - timedelta(seconds=1), schema=north.schema_name)
        assert cap_of(capped) == 5
        deliver_due(now=midnight, schema=north.schema_name)
        assert cap_of(capped) == 2
        request.refresh_from_db()
        assert request.ended_at == midnight
        assert mails()[-1][1] == "Your user cap is 2 again"
        # A message that is delivered twice brings nothing back a second time.
        set_user_cap(organization=capped, cap=5, actor=SYSTEM_ACTOR, now=midnight)
        end_approval({"request_id": request.pk}, midnight)
        assert cap_of(capped) == 5


def test_an_administrator_without_permission_sees_no_requests(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
    for person in (people.adam, people.rita, people.otto):
        visitor = sign_in(client, person)
        for address in (LIST, f"{LIST}{request.pk}/"):
            assert visitor.get(address).status_code == 403
        assert visitor.post(f"{LIST}{request.pk}/", {"decision": "approve"}).status_code == 403
    with provider_schema(north):
        assert cap_of(capped) == 2


def test_requests_of_removed_organizations_are_gone(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, capped: Organization
) -> None:
    with provider_schema(north):
        request = ask(capped, people.otto)
        remove_organization(organization=capped, actor=SYSTEM_ACTOR, now=NOW)
    bill = sign_in(client, people.bill)
    assert "No open request" in bill.get(LIST).text
    assert bill.post(f"{LIST}{request.pk}/", {"decision": "approve"}).status_code == 404


@pytest.mark.parametrize(
    ("cap", "users", "changes", "amount_minor"),
    [
        (20, 15, {"unit_price": Decimal("11.0000")}, 11000),
        (20, 26, {"unit_price": Decimal("11.0000")}, 4400),
        (20, 40, {"unit_price": Decimal("11.0000")}, 0),
        (20, 15, {"unit_price": Decimal("0.1275")}, 128),
        (20, 15, {"metric": "greater"}, 11000),
        (20, 15, {"metric": "devices"}, None),
    ],
)
def test_the_cost_is_price_times_added_users(
    cap: int, users: int, changes: dict[str, object], amount_minor: int | None
) -> None:
    cost = cap_cost(requested=30, cap=cap, users=users, contract=contract(**changes))
    assert (cost and cost.amount_minor) == amount_minor


def test_an_organization_admin_withdraws_and_requests_again(
    as_otto: Client, as_bill: Client, north: Provider, capped: Organization
) -> None:
    as_otto.post(OWN, {"cap": "5", "reason": "Cooks"})
    assert "Withdraw request" in as_otto.get(OWN).text
    with provider_schema(north):
        first = CapRequest.objects.get()
    assert as_otto.post(f"{OWN}withdraw/").status_code == 302
    page = as_otto.get(OWN).text
    assert "Withdrawn" in page
    assert "Withdraw request" not in page
    late = as_bill.post(f"{LIST}{first.pk}/", {"decision": "approve", "answer": ""})
    assert late.status_code == 409
    assert "withdrawn" in late.text
    as_otto.post(f"{OWN}withdraw/")
    assert "answered meanwhile" in as_otto.get(OWN).text
    assert as_otto.post(OWN, {"cap": "6", "reason": "Cooks"}).status_code == 302
    with provider_schema(north):
        assert AuditEntry.objects.filter(action="cap_request.withdrawn").count() == 1
        assert cap_of(capped) == 2
