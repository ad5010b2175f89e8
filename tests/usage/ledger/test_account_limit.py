"""The most users of a provider: refused by the database, whatever the way in."""

import json
from collections.abc import Callable
from threading import Barrier, Thread

from django.db import connection

from accounts.models import Provider
from core.actors import Actor
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, Organization
from tenants.organizations.account_limit import set_account_limit
from tenants.refusals import Because, UserCapReached
from tenants.users.membership import Via, add_member
from tests.usage.counting import add, at, count_of, new_user, refused, remove, set_policy
from usage.ledger.verify import verify_ledger

OCTOBER = at("2026-10-03")
STAFF = Actor(id=1, name="Staff")


def limit(most: int | None) -> None:
    set_account_limit(limit=most, actor=STAFF, now=OCTOBER)


def test_all_organizations_together_stop_at_the_limit(acme: Organization) -> None:
    bolt = Organization.objects.create(name="Bolt")
    limit(3)
    add(acme, OCTOBER, OCTOBER)
    add(bolt, OCTOBER)
    with refused("MT001") as refusals:
        add(bolt, OCTOBER)
    assert json.loads(refusals[0].diag.message_detail) == {
        "organization_id": bolt.pk,
        "cap": 3,
        "count": 3,
        "asked": 1,
        "because": "account_limit",
    }
    assert (count_of(acme), count_of(bolt)) == (2, 1)
    assert verify_ledger() == []


def test_one_statement_for_several_organizations_is_refused_whole(acme: Organization) -> None:
    bolt = Organization.objects.create(name="Bolt")
    limit(2)
    with refused("MT001"):
        ManagedUser.objects.bulk_create(
            [new_user(acme, OCTOBER), new_user(bolt, OCTOBER), new_user(bolt, OCTOBER)]
        )
    assert not ManagedUser.objects.exists()


def test_below_the_present_number_no_user_is_removed_and_none_added(acme: Organization) -> None:
    first, *_ = add(acme, OCTOBER, OCTOBER, OCTOBER)
    limit(2)
    assert count_of(acme) == 3
    with refused("MT001"):
        add(acme, OCTOBER)
    remove([first], at("2026-10-04"))
    with refused("MT001"):
        add(acme, at("2026-10-05"))
    limit(None)
    add(acme, at("2026-10-05"))


def test_each_change_of_the_limit_is_logged_once(acme: Organization) -> None:
    limit(5)
    limit(5)
    limit(None)
    entries = AuditEntry.objects.filter(action="account_limit.changed").order_by("pk")
    assert [(each.before, each.after) for each in entries] == [
        ({"limit": None}, {"limit": 5}),
        ({"limit": 5}, {"limit": None}),
    ]


def test_two_organizations_at_the_same_instant_do_not_pass_it(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        limit(1)
        both = [Organization.objects.create(name=name) for name in ("Acme", "Bolt")]
    together, refusals = Barrier(2), []

    def add_one(organization: Organization) -> None:
        with provider_schema(provider):
            together.wait()
            try:
                add_member(
                    member=ManagedUser(
                        organization=organization,
                        email=f"one@{organization.name.lower()}.example",
                        name="One",
                    ),
                    actor=STAFF,
                    via=Via.FORM,
                    now=at("2026-10-05"),
                )
            except UserCapReached as refusal:
                refusals.append(refusal.because)
        connection.close()

    threads = [Thread(target=add_one, args=[each]) for each in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with provider_schema(provider):
        assert ManagedUser.objects.count() == 1
    assert refusals == [Because.ACCOUNT_LIMIT]
