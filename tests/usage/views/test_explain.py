"""The page "Why this number?": what it says of a month."""

from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member
from tests.usage.counting import set_policy
from tests.usage.explain_story import ADAM, History, at, page, rows
from usage.ledger.month_freeze import freeze_month

pytestmark = pytest.mark.usefixtures("on_20_march")


def test_the_addition_that_made_the_peak_is_named(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-02-10 09:00", "Bea", "Carl")
    history.add("2026-03-03 14:30:05", "Ann")
    history.remove("2026-03-05 14:30:05", "Bea")
    text = page(as_rita, bakery)
    assert "Why 3?" in text
    assert (
        "On 3 March 2026 at 14:30 <bdi>Adam Nordlicht</bdi> added <bdi>ann@acme.example</bdi> "
        "by form: the 3rd user." in text
    )
    assert "It lasted 2 days, until 5 March 2026 at 14:30." in text
    assert "2 → 3" in text
    assert "Counted at 3 Mar 2026, 14:30:05 UTC" in text
    assert text.count("Made the peak") == 1
    assert "There was no second peak" in text
    assert "Removed 5 Mar 2026, 14:30" in text
    assert text.count("Still there") == 2


def test_a_zone_is_shown_with_its_offset_and_bounds_the_month(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    with provider_schema(north):
        set_policy(billing_time_zone="Pacific/Kiritimati")
    history.add("2026-02-28 09:59:59", "Feb")
    history.add("2026-02-28 10:00:00", "March")
    text = page(as_rita, bakery)
    assert "On 1 March 2026 at 00:00" in text
    assert "1 Mar 2026, 00:00:00 +14" in text
    assert "the 2nd user" in text
    assert "the 1st user" in page(as_rita, bakery, "2026-02")


def test_a_peak_that_lasted_a_second_and_one_reached_twice(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-03-03 14:30:05", "Ann")
    history.remove("2026-03-03 14:30:06", "Ann")
    history.add("2026-03-04 08:00", "Bea")
    text = page(as_rita, bakery)
    assert "It lasted 1 second, until 3 March 2026 at 14:30." in text
    assert "1 was reached 2 times; the first is shown." in text
    assert "Again 1 user on 4 March 2026 at 08:00, when <bdi>Adam Nordlicht</bdi>" in text
    assert [row["Name then"] for row in rows(as_rita, bakery)] == ["ann@acme.example"]


def test_a_peak_that_was_carried_in(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-02-10 09:00", "Ann", "Bea")
    history.remove("2026-03-05 09:00", "Ann")
    text = page(as_rita, bakery)
    assert "<bdi>Acme</bdi> began March 2026 with 2 users and has not had more." in text
    assert "Counted at 1 Mar 2026, 00:00:00 UTC" in text
    assert f"/account/usage/{bakery.pk}/why/2026-02/" in text
    assert len(rows(as_rita, bakery)) == 2


def test_a_month_in_which_nothing_happened(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    assert "<bdi>Acme</bdi> has had no users in March 2026." in page(as_rita, bakery)
    assert "No one was counted" in page(as_rita, bakery)
    history.add("2026-01-15 09:00", "Ann")
    assert "Nothing changed in March 2026 so far: <bdi>Acme</bdi> has 1 user." in page(
        as_rita, bakery
    )
    february = page(as_rita, bakery, "2026-02")
    assert "Nothing changed in February 2026: <bdi>Acme</bdi> had 1 user." in february
    assert "January 2026</a>" in february
    assert f'rel="next" href="/account/usage/{bakery.pk}/why/2026-03/"' in february
    january = page(as_rita, bakery, "2026-01")
    assert 'rel="prev"' not in january


def test_many_added_at_once(as_rita: Client, bakery: Organization, history: History) -> None:
    history.add("2026-03-03 14:30:05", *(f"User{number}" for number in range(60)), via=Via.IMPORT)
    text = page(as_rita, bakery)
    assert "by import: the 60th user, and the last of 60 added at once." in text
    assert "1–50" in text
    second = page(as_rita, bakery, query="?page=2&sort=added")
    assert "51–60" in second
    found = page(as_rita, bakery, query="?q=USER7@&page=9")
    assert "user7@acme.example" in found
    assert "user8@acme.example" not in found
    assert "No one matches" in page(as_rita, bakery, query="?q=%25")


def test_the_export_names_each_user_with_the_addition(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-03-03 14:30", "Ann")
    with provider_schema(north):
        ManagedUser.objects.update(name="Ann Married")
    assert rows(as_rita, bakery)[0] == {
        "Organization ID": str(bakery.pk),
        "Organization": "Acme",
        "Month": "2026-03",
        "Metric": "users",
        "High-water mark": "1",
        "Peak reached at": "2026-03-03T14:30:00+00:00",
        "Count before": "0",
        "ID": rows(as_rita, bakery)[0]["ID"],
        "Name then": "ann@acme.example",
        "Name or serial number now": "Ann Married",
        "Added at": "2026-03-03T14:30:00+00:00",
        "Added by": "Adam Nordlicht",
        "Added via": "form",
        "Removed since": "",
        "Made the peak": "yes",
    }


def test_who_left_before_the_close_and_was_entered_after_it_was_counted(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-02-10 09:00", "Ann")
    history.add("2026-02-20 09:00", "Bea")
    with provider_schema(north):
        freeze_month(month=Month(2026, 2), zone=ZoneInfo("UTC"))
    history.remove("2026-02-15 09:00", "Ann")
    text = page(as_rita, bakery, "2026-02")
    assert "Why 2?" in text
    assert "Removed 15 Feb 2026, entered later" in text


def test_devices_are_explained_by_themselves(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-03-02 09:00", "Ann", "Bea")
    with provider_schema(north):
        add_member(
            member=Device(organization=bakery, name="Laptop", serial_number="SN1"),
            actor=ADAM,
            via=Via.FORM,
            now=at("2026-03-04 10:00"),
        )
    text = page(as_rita, bakery, query="?metric=devices")
    assert "added <bdi>Laptop</bdi> by form: the 1st device." in text
    assert "ann@acme.example" not in text
    assert "Why 2?" in page(as_rita, bakery, query="?metric=nonsense")


def test_the_cap_is_drawn_in_the_running_month_only(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-02-02 09:00", "Ann", "Bea")
    with provider_schema(north):
        set_user_cap(organization=bakery, cap=4, actor=ADAM, now=at("2026-03-01"))
    assert "Cap 4" in page(as_rita, bakery)
    assert "Cap 4" not in page(as_rita, bakery, "2026-02")
    assert "Cap 4" not in page(as_rita, bakery, query="?metric=devices")
    with provider_schema(north):
        set_user_cap(organization=bakery, cap=400, actor=ADAM, now=at("2026-03-01"))
        MeteringPolicy.objects.update(free_user_limit=300)
    assert "Cap 300 lies above the chart." in page(as_rita, bakery)
