"""Selecting rows of a list, confirming with the effect on the bill, progress, results and undo."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Provider
from core.outbox.models import OutboxMessage
from core.outbox.topics import topic_named
from core.schema import provider_schema
from tenants.bulk import actions
from tenants.models import (
    AuditEntry,
    BulkAction,
    Device,
    ManagedUser,
    MeteringPolicy,
    Organization,
)
from tenants.organizations.lifecycle import set_user_cap
from tests.personas import Personas
from tests.tenants.bulk.stories import (
    BILL,
    NOW,
    Verb,
    add,
    at,
    begin,
    do,
    ids,
    living,
    organization,
    page_of,
)

SignIn = Callable[..., Client]


def work_off(north: Provider) -> None:
    """Deliver what is due, as a worker does; again, nothing is left."""
    with provider_schema(north):
        for message in OutboxMessage.objects.filter(topic__startswith="tenants.bulk."):
            for _ in range(2):
                topic_named(message.topic).handler(message.payload, NOW)


def test_selected_users_are_removed_and_brought_back(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/"
    listed = as_bill.get(address).text
    assert listed.count('name="pick"') == 5
    assert f'action="{address}bulk/"' in listed
    chosen = ids(north, "user0", "user1")
    url, page = page_of(
        as_bill, begin(as_bill, f"{address}bulk/?q=user", verb="remove", pick=chosen)
    )
    assert "Remove 2 users" in page
    assert "user0@acme.example" in page
    assert "peak stays: it can’t go down" in page
    assert "This month’s bill so far" in page
    with provider_schema(north):
        assert living(acme) == 5
    done = as_bill.post(url, follow=True)
    assert done.redirect_chain == [(f"{address}?q=user", 302)]
    assert "2 users were removed." in done.text
    assert f'action="{url}undo/"' in done.text
    with provider_schema(north):
        assert living(acme) == 3
        assert AuditEntry.objects.filter(action="user.removed").count() == 2
        [summary] = AuditEntry.objects.filter(action="bulk.remove")
        assert (summary.actor_name, summary.after["done"]) == ("Bill Nordlicht", 2)
    undone = as_bill.post(f"{url}undo/", follow=True)
    assert "2 users count as if never removed." in undone.text
    with provider_schema(north):
        assert living(acme) == 5


def test_a_form_that_is_sent_twice_is_done_once(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(as_bill, begin(as_bill, address, verb="remove", pick=ids(north, "user0")))
    as_bill.post(url)
    assert "This was decided meanwhile" in as_bill.post(url, follow=True).text
    as_bill.post(f"{url}undo/")
    assert "t be undone any more" in as_bill.post(f"{url}undo/", follow=True).text
    with provider_schema(north):
        assert living(acme) == 5
        assert ManagedUser.objects.count() == 6


def test_all_that_match_are_those_of_the_filter_and_not_only_of_the_page(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        for number in range(60):
            add(acme, f"guest{number}", at(2))
    address = f"/organizations/{acme.pk}/users/"
    assert "All 60 users that match" in as_bill.get(f"{address}?q=guest").text
    answer = begin(as_bill, f"{address}bulk/?q=guest", verb="suspend", all="1")
    url, page = page_of(as_bill, answer)
    assert "Suspend 60 users" in page
    assert "And 40 more" in page
    as_bill.post(url)
    with provider_schema(north):
        assert ManagedUser.objects.filter(state="suspended").count() == 60


def test_many_rows_are_changed_by_a_worker_with_progress(
    as_bill: Client, north: Provider, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "IN_THE_REQUEST", 3)
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(as_bill, begin(as_bill, address, verb="remove", all="1"))
    waiting = as_bill.post(url, follow=True)
    assert "In progress" in waiting.text
    assert 'hx-trigger="every 1s"' in waiting.text
    assert '<meta http-equiv="refresh" content="2">' in waiting.text
    with provider_schema(north):
        assert living(acme) == 5
    work_off(north)
    assert "5 users were removed." in as_bill.get(url).text
    as_bill.post(f"{url}undo/")
    work_off(north)
    assert "This was undone" in as_bill.get(url).text
    with provider_schema(north):
        assert living(acme) == 5


def test_what_failed_is_listed_line_by_line(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        other = organization("Other Nordlicht")
        set_user_cap(organization=other, cap=1, actor=BILL, now=at(2))
    address = f"/organizations/{acme.pk}/users/bulk/"
    chosen = ids(north, "user0", "user1")
    url, page = page_of(as_bill, begin(as_bill, address, verb="move", pick=chosen))
    assert '<option value="Other Nordlicht">' in page
    wrong = as_bill.post(url, {"organization": "Unknown"})
    assert (wrong.status_code, "no organization of this name" in wrong.text) == (422, True)
    asked = as_bill.post(url, {"organization": "other nordlicht"})
    assert "new peak of the month" in asked.text or "This makes a new peak" in asked.text
    with provider_schema(north):
        assert living(acme) == 5
    form = {"organization": "other nordlicht", "seen_peak": "2"}
    result = as_bill.post(url, form, follow=True)
    assert "1 user was moved to Other Nordlicht. 1 was not changed" in result.text
    assert "user1@acme.example" in result.text
    assert "reached its cap of 1 users" in result.text
    with provider_schema(north):
        assert (living(acme), living(other)) == (4, 1)


def test_an_undo_that_makes_a_new_peak_is_confirmed_first(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(as_bill, begin(as_bill, address, verb="remove", pick=ids(north, "user0")))
    as_bill.post(url)
    with provider_schema(north):
        add(acme, "guest", NOW + timedelta(minutes=1))
    asked = as_bill.post(f"{url}undo/", follow=True)
    assert "Undo all the same" in asked.text
    assert "rises from 5 to 6" in asked.text
    assert "$11.00" in asked.text
    with provider_schema(north):
        assert living(acme) == 5
    as_bill.post(f"{url}undo/", {"seen_peak": "6"})
    with provider_schema(north):
        assert living(acme) == 6


def test_a_selection_has_a_limit(
    as_bill: Client, north: Provider, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MOST_AT_ONCE", 4)
    answer = begin(as_bill, f"/organizations/{acme.pk}/users/bulk/", verb="remove", all="1")
    assert "Select at most" in as_bill.get(answer.url).text
    answer = begin(as_bill, f"/organizations/{acme.pk}/users/bulk/", verb="remove")
    assert "no user is selected" in as_bill.get(answer.url).text
    with provider_schema(north):
        assert not BulkAction.objects.exists()


@pytest.mark.parametrize("pick", [["x"], ["9" * 40], ["-1"], ["\x00"], ["0"]])
def test_anything_else_than_ids_selects_nothing(
    as_bill: Client, acme: Organization, pick: list[str]
) -> None:
    address = f"/organizations/{acme.pk}/users/bulk/"
    answer = as_bill.post(address, {"verb": "remove", "pick": pick}, follow=True)
    assert "no user is selected" in answer.text


def test_users_of_another_organization_are_not_selected(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        other = organization("Other", users=1)
        foreign = ManagedUser.objects.get(organization=other).pk
    answer = begin(as_bill, f"/organizations/{acme.pk}/users/bulk/", verb="remove", pick=foreign)
    assert "no user is selected" in as_bill.get(answer.url).text


def test_caps_of_many_organizations_are_set_and_brought_back(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    page = as_bill.get("/account/usage/").text
    assert 'name="pick"' in page
    answer = begin(as_bill, "/account/usage/bulk/", verb="set_cap", pick=acme.pk)
    url, page = page_of(as_bill, answer)
    assert "A cap changes no bill" in page
    assert as_bill.post(url, {"choice": "capped", "cap": "0"}).status_code == 422
    done = as_bill.post(url, {"choice": "capped", "cap": "40"}, follow=True)
    assert "1 organization was capped." in done.text
    with provider_schema(north):
        assert Organization.objects.get(pk=acme.pk).user_cap == 40
    assert "former cap" in as_bill.post(f"{url}undo/", follow=True).text
    with provider_schema(north):
        assert Organization.objects.get(pk=acme.pk).user_cap is None


def test_a_single_change_of_a_cap_has_an_undo(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    form = {"choice": "capped", "cap": "40"}
    done = as_bill.post(f"/account/usage/{acme.pk}/cap/", form, follow=True)
    assert "User cap of Acme Nordlicht: 40 users." in done.text
    with provider_schema(north):
        [action] = BulkAction.objects.all()
    assert f'action="/bulk/{action.pk}/undo/"' in done.text
    as_bill.post(f"/bulk/{action.pk}/undo/")
    with provider_schema(north):
        assert Organization.objects.get(pk=acme.pk).user_cap is None
        changes = AuditEntry.objects.filter(action="organization.user_cap_changed")
        assert [change.after for change in changes.order_by("pk")] == [
            {"user_cap": 40},
            {"user_cap": None},
        ]


def test_organizations_are_archived_hidden_and_restored(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        empty = organization("Empty Nordlicht")
    answer = begin(as_bill, "/organizations/bulk/", verb="archive", pick=[acme.pk, empty.pk])
    url, page = page_of(as_bill, answer)
    assert "hidden from lists" in page
    result = as_bill.post(url, follow=True)
    assert "1 organization was archived. 1 was not changed" in result.text
    assert "It has 5 users and 0 devices, which count." in result.text
    assert "Empty Nordlicht" not in as_bill.get("/organizations/").text
    archived = as_bill.get("/organizations/?filter=archived").text
    assert "Empty Nordlicht" in archived
    assert "Acme Nordlicht" not in archived
    assert as_bill.get(f"/organizations/{empty.pk}/").status_code == 404
    as_bill.post(f"/organizations/{empty.pk}/restore/")
    assert "Empty Nordlicht" in as_bill.get("/organizations/").text
    assert as_bill.post(f"/organizations/{acme.pk}/restore/").status_code == 404


def test_the_selection_is_exported(as_bill: Client, north: Provider, acme: Organization) -> None:
    answer = as_bill.post(
        f"/organizations/{acme.pk}/users/bulk/",
        {"verb": "export", "pick": ids(north, "user1", "user3")},
    )
    text = answer.content.decode("utf-8-sig")
    assert [line.split(",")[0] for line in text.split()[1:]] == [
        "user1@acme.example",
        "user3@acme.example",
    ]
    form = {"verb": "export", "pick": acme.pk}
    answer = as_bill.post("/organizations/bulk/?columns=users,devices,cap", form)
    assert "Acme Nordlicht,5,,,0" in answer.content.decode()


def test_devices_are_removed_and_brought_back(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        Device.objects.create(organization=acme, name="Laptop", serial_number="SN-1")
    address = f"/organizations/{acme.pk}/devices/"
    url, page = page_of(as_bill, begin(as_bill, f"{address}bulk/", verb="remove", all="1"))
    assert "Remove 1 device" in page
    as_bill.post(url)
    assert "1 device counts as if never removed" in as_bill.post(f"{url}undo/", follow=True).text
    with provider_schema(north):
        assert Device.objects.living().count() == 1


def test_a_discarded_action_changes_nothing(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(as_bill, begin(as_bill, address, verb="remove", all="1"))
    as_bill.post(f"{url}discard/")
    as_bill.post(url)
    assert "Nothing was changed" in as_bill.get(url).text
    with provider_schema(north):
        assert living(acme) == 5


def test_a_moved_user_shows_the_new_peak_without_amounts_to_whom_money_is_hidden(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        organization("Other Nordlicht")
    adam = sign_in(Client(), people.adam)
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, page = page_of(adam, begin(adam, address, verb="move", pick=ids(north, "user0")))
    assert "bill so far" not in page
    asked = adam.post(url, {"organization": "Other Nordlicht"})
    assert "new peak" in asked.text
    assert "$" not in asked.text.split('id="bulk-action"')[1]


def test_a_user_s_page_tells_what_happened(
    as_bill: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        rows = ManagedUser.objects.filter(name="user0")
        do(Verb.SUSPEND, rows, at(3))
        removed = rows.get().pk
        action = do(Verb.REMOVE, rows, at(4))
        actions.undo(action=action, now=at(4, 9, 5))
        back = ManagedUser.objects.living().get(name="user0").pk
    page = as_bill.get(f"/organizations/{acme.pk}/users/{back}/").text
    for text in ("Suspended", "Removed", "by undoing a removal", "with the demo data"):
        assert text in page
    assert "Added again" in as_bill.get(f"/organizations/{acme.pk}/users/{removed}/").text
    assert as_bill.get("/organizations/999/users/1/").status_code == 404
