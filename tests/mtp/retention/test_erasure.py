"""Removed users are erased after the provider's period, and not before."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from accounts.models import Provider
from billing.erasure.erase import erase_users
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from mtp.retention.periods import PROVIDER_RULES
from mtp.retention.prune import overdue_rows, prune_provider
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member, remove_member

NOW = datetime(2031, 5, 6, 12, tzinfo=UTC)
RULE = "names of removed users"


def removed_user(name: str, removed_at: datetime, organization: str = "Acme") -> ManagedUser:
    acme, _ = Organization.objects.get_or_create(name=organization)
    user = ManagedUser(organization=acme, email=f"{name}@acme.example", name=name.capitalize())
    add_member(member=user, actor=SYSTEM_ACTOR, via=Via.FORM, now=removed_at - timedelta(seconds=9))
    remove_member(member=user, actor=SYSTEM_ACTOR, now=removed_at)
    return user


def names() -> set[str]:
    return set(ManagedUser.objects.values_list("email", flat=True))


@pytest.fixture
def closed(north: Provider) -> Provider:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
    return north


def close_through(instant: datetime) -> None:
    MeteringPolicy.objects.update(closed_through=instant)


@pytest.mark.parametrize("own", [None, 90])
def test_after_the_period_of_the_provider_or_the_portal(closed: Provider, own: int | None) -> None:
    Provider.objects.filter(pk=closed.pk).update(erase_after_days=own)
    closed.refresh_from_db()
    end = NOW - timedelta(days=own or settings.ERASE_AFTER_DAYS)
    with provider_schema(closed):
        old = removed_user("old", end - timedelta(seconds=1))
        removed_user("young", end + timedelta(seconds=1))
        close_through(NOW - timedelta(days=6))
        assert overdue_rows(PROVIDER_RULES, now=NOW)[RULE] == 1
        assert prune_provider(provider=closed, now=NOW)[RULE] == 1
        assert names() == {f"Erased user #{old.pk}", "young@acme.example"}
        entry = AuditEntry.objects.get(action="user.erased")
        assert (entry.actor_name, entry.subject) == ("System", f"Erased user #{old.pk}")
        assert prune_provider(provider=closed, now=NOW)[RULE] == 0


def test_a_provider_with_a_longer_period_keeps_what_another_erases(
    closed: Provider, south: Provider
) -> None:
    Provider.objects.filter(pk=closed.pk).update(erase_after_days=30)
    for provider in (closed, south):
        provider.refresh_from_db()
        with provider_schema(provider):
            MeteringPolicy.objects.update(free_user_limit=None)
            removed_user("old", NOW - timedelta(days=40))
            close_through(NOW - timedelta(days=6))
        prune_provider(provider=provider, now=NOW)
    with provider_schema(south):
        assert names() == {"old@acme.example"}
    with provider_schema(closed):
        assert "old@acme.example" not in names()


def test_who_is_active_again_or_counts_in_an_open_month_is_kept(closed: Provider) -> None:
    long_ago = NOW - timedelta(days=5_000)
    with provider_schema(closed):
        removed_user("again", long_ago, "Bolt")
        removed_user("again", NOW - timedelta(days=10), "Bolt")
        removed_user("early", long_ago)
        removed_user("late", long_ago + timedelta(days=40))
        close_through(long_ago + timedelta(days=20))
        assert prune_provider(provider=closed, now=NOW)[RULE] == 1
        assert names() - {"again@acme.example", "late@acme.example"} == {
            f"Erased user #{ManagedUser.objects.get(erased_at=NOW).pk}"
        }


def test_a_batch_erases_its_own_users_only(closed: Provider) -> None:
    with provider_schema(closed):
        first, second = (removed_user(name, NOW - timedelta(days=40)) for name in ("ann", "bea"))
        close_through(NOW - timedelta(days=6))
        assert erase_users([first.pk], removed_before=NOW, now=NOW) == 1
        assert names() == {f"Erased user #{first.pk}", second.email}
