"""Cap simulation: drafts, their results, and applying them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.bulk_caps import CapChange, CapsChanged, set_user_caps
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member, remove_member
from tests.cap_requests import contract
from tests.personas import Personas
from usage.cap_simulation.simulation import refusals, simulate_caps
from usage.models import DraftCap

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
PAGE = "/account/cap-simulation/"
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def add(organization: Organization, number: int, at: datetime) -> object:
    return add_member(
        member=ManagedUser(
            organization=organization, email=f"u{number}@{organization.pk}.example", name=""
        ),
        actor=SYSTEM_ACTOR,
        via=Via.DEMO,
        now=at,
    )


@pytest.fixture
def acme(north: Provider) -> Organization:
    """January: 4 users. February: one more on the 3rd, on the 4th, on the 5th; that one leaves on
    the 6th, and another comes on the 7th. Users cost 11 dollars."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        created = datetime(2026, 1, 5, tzinfo=UTC)
        acme = Organization.objects.create(name="Acme", created_at=created)
        for number in range(4):
            add(acme, number, created)
        begin = datetime(2026, 2, 3, 12, tzinfo=UTC)
        added = [add(acme, 10 + day, begin + timedelta(days=day)) for day in range(3)]
        remove_member(member=added[2], actor=SYSTEM_ACTOR, now=begin + timedelta(days=3))
        add(acme, 20, begin + timedelta(days=4))
        other = Organization.objects.create(name="Bravo", created_at=created)
        add(other, 0, created)
        contract().save()
    return acme


@pytest.fixture
def bill(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.bill)


def draft(bill: Client, organization: Organization, cap: str, status: int = 302) -> str:
    answer = bill.post(PAGE, {f"cap-{organization.pk}": cap})
    assert answer.status_code == status
    return answer.text


def caps(north: Provider) -> dict[str, int | None]:
    with provider_schema(north):
        return dict(Organization.objects.values_list("name", "user_cap"))


def test_the_draft_is_replayed_over_the_past_month_by_month(
    bill: Client, acme: Organization, north: Provider
) -> None:
    """At a cap of 5 those of 4 and 5 February are refused, and the one of the 7th too: the leaver
    of the 6th never came. February and March: 5 instead of 7 and 7, 22 dollars each."""
    draft(bill, acme, "5")
    page = bill.get(PAGE).text
    assert "on 3 days of the last twelve months" in page
    assert "$44.00" in page
    with provider_schema(north):
        rows = bill.get(f"{PAGE}blocked.csv").content.decode("utf-8-sig").splitlines()
    assert [row.split(",")[3:] for row in rows[1:]] == [
        ["2026-02-04 12:00:00", f"u11@{acme.pk}.example"],
        ["2026-02-05 12:00:00", f"u12@{acme.pk}.example"],
        ["2026-02-07 12:00:00", f"u20@{acme.pk}.example"],
    ]
    page = bill.get(f"{PAGE}{acme.pk}/").text
    assert "<strong>5</strong>" in page
    assert f"u20@{acme.pk}.example" in page
    assert caps(north) == {"Acme": None, "Bravo": None}


def test_an_addition_reported_late_counts_from_its_real_instant(north: Provider) -> None:
    """March: one user from the 1st; one of the 10th to the 15th; then one reported who joined on
    the 2nd. Under a cap of 2 the one of the 10th is refused, not the one who was reported last."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        joined = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 10, 15, 2)]
        acme = Organization.objects.create(name="Acme", created_at=joined[0])
        add(acme, 1, joined[0])
        remove_member(member=add(acme, 10, joined[1]), actor=SYSTEM_ACTOR, now=joined[2])
        add(acme, 2, joined[3])
        _, (simulated,) = simulate_caps(caps={acme.pk: 2}, now=NOW, zone=ZoneInfo("UTC"))
        ((_, at, name),) = refusals([simulated])
    assert (simulated.users[-1], simulated.drafted[-1]) == (3, 2)
    assert (at, name) == (joined[1], f"u10@{acme.pk}.example")


def test_the_page_shows_the_most_that_the_month_can_cost(bill: Client, acme: Organization) -> None:
    assert "$88.00 (2 organizations without a cap may add more)" in bill.get(PAGE).text
    draft(bill, acme, "20")
    page = bill.get(PAGE).text
    assert "$231.00" in page
    assert "1 organization without a cap may add more" in page


def test_applying_a_draft_sets_and_logs_every_cap(
    bill: Client, acme: Organization, north: Provider, people: Personas
) -> None:
    with provider_schema(north):
        bravo = Organization.objects.get(name="Bravo")
        set_user_cap(organization=bravo, cap=9, actor=SYSTEM_ACTOR, now=NOW)
    bill.post(PAGE, {f"cap-{acme.pk}": "5", f"cap-{bravo.pk}": "none"})
    confirmation = bill.get(f"{PAGE}apply/").text
    assert "Apply 2 caps?" in confirmation
    assert "until 7 users become fewer than 5" in confirmation
    assert bill.post(f"{PAGE}apply/").status_code == 302
    assert caps(north) == {"Acme": 5, "Bravo": None}
    with provider_schema(north):
        assert not DraftCap.objects.exists()
        noted = AuditEntry.objects.filter(action="organization.user_cap_changed").order_by("-pk")
        logged = {each.subject: (each.before, each.after, each.actor_name) for each in noted[:2]}
    name = people.bill.name
    assert logged == {
        "Acme": ({"user_cap": None}, {"user_cap": 5}, name),
        "Bravo": ({"user_cap": 9}, {"user_cap": None}, name),
    }
    assert bill.post(f"{PAGE}apply/").status_code == 302


def test_a_cap_changed_meanwhile_stops_the_whole_draft(
    bill: Client, acme: Organization, north: Provider
) -> None:
    with provider_schema(north):
        bravo = Organization.objects.get(name="Bravo")
    bill.post(PAGE, {f"cap-{acme.pk}": "5", f"cap-{bravo.pk}": "3"})
    with provider_schema(north):
        set_user_cap(organization=bravo, cap=8, actor=SYSTEM_ACTOR, now=NOW)
    refused = bill.post(f"{PAGE}apply/")
    assert refused.status_code == 409
    assert "No User Cap when drafted, 8 now" in refused.text
    assert caps(north) == {"Acme": None, "Bravo": 8}
    bill.post(f"{PAGE}renew/")
    bill.post(f"{PAGE}apply/")
    assert caps(north) == {"Acme": 5, "Bravo": 3}


def test_an_invalid_cap_is_refused_at_its_row(
    bill: Client, acme: Organization, north: Provider
) -> None:
    page = draft(bill, acme, "20000", status=422)
    assert "Enter a whole number from 1 to 10,000" in page
    assert 'value="20000"' in page
    with provider_schema(north):
        assert not DraftCap.objects.exists()


def test_typed_caps_are_saved_before_the_page_is_left(bill: Client, acme: Organization) -> None:
    answer = bill.post(
        PAGE, {f"cap-{acme.pk}": "7", "cap-1": "many"}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert 'value="7"' in bill.get("/account/cap-simulation/?filter=draft").text


def test_an_empty_cell_or_the_current_cap_is_no_draft(
    bill: Client, acme: Organization, north: Provider
) -> None:
    draft(bill, acme, "5")
    draft(bill, acme, "")
    draft(bill, acme, "none")
    with provider_schema(north):
        assert not DraftCap.objects.exists()


def test_a_rule_or_a_list_fills_the_draft(
    bill: Client, acme: Organization, north: Provider
) -> None:
    rule = {"base": "twelve_months", "percent": "10", "target": "all"}
    assert bill.post(f"{PAGE}rule/", rule).status_code == 302
    with provider_schema(north):
        drafted = dict(DraftCap.objects.values_list("organization__name", "cap"))
    assert drafted == {"Acme": 8, "Bravo": 2}
    wrong = bill.post(f"{PAGE}list/", {"caps": "Acme,12\nUnknown,3"})
    assert wrong.status_code == 422
    assert "Line 2: there is no organization “Unknown”." in wrong.text
    assert bill.post(f"{PAGE}list/", {"caps": "acme;12"}).status_code == 302
    with provider_schema(north):
        drafted = dict(DraftCap.objects.values_list("organization__name", "cap"))
    assert drafted == {"Acme": 12, "Bravo": 2}
    bill.post(f"{PAGE}discard/")
    assert "Nothing is drafted" in bill.get(PAGE).text
    assert bill.post(f"{PAGE}rule/", rule | {"percent": "x"}).status_code == 422


def test_a_draft_is_visible_to_its_author_only(
    bill: Client, acme: Organization, sign_in: SignIn, people: Personas
) -> None:
    draft(bill, acme, "5")
    assert "Nothing is drafted" in sign_in(Client(), people.olive).get(PAGE).text
    adam = sign_in(Client(), people.adam)
    assert adam.get(PAGE).status_code == 403
    assert adam.post(f"{PAGE}apply/").status_code == 403


def test_each_month_is_rated_by_its_contract(
    bill: Client, acme: Organization, north: Provider
) -> None:
    with provider_schema(north):
        contract(starts_on="2026-03-01", unit_price=Decimal(5)).save()
    draft(bill, acme, "5")
    assert saved(bill) == "$32.00"
    with provider_schema(north):
        MeteringPolicy.objects.update(free_until=datetime(2026, 3, 2, tzinfo=UTC))
    assert saved(bill) == "$10.00"
    with provider_schema(north):
        contract(starts_on="2026-02-01", kind="committed", committed_quantity=7).save()
    assert saved(bill) == "$21.00"


def saved(bill: Client) -> str:
    after = bill.get(PAGE).text.split('<dt class="stat-label">Saved</dt>')[1]
    return after.split('stat-value">')[1].split("<")[0]


def test_either_all_caps_are_set_or_none(acme: Organization, north: Provider) -> None:
    with provider_schema(north):
        bravo = Organization.objects.get(name="Bravo")
        changes = [CapChange(acme.pk, None, 5), CapChange(bravo.pk, 7, 5)]
        with pytest.raises(CapsChanged) as refused:
            set_user_caps(changes=changes, actor=SYSTEM_ACTOR, now=NOW)
        assert [each.name for each in refused.value.conflicts] == ["Bravo"]
        assert caps(north) == {"Acme": None, "Bravo": None}
        same = [CapChange(acme.pk, None, None)]
        assert set_user_caps(changes=same, actor=SYSTEM_ACTOR, now=NOW) == 0
