"""The demo as `make up` loads it: the providers of the README, with a consistent ledger."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from accounts.models import Provider, User
from billing.dunning.stages import DunningStage
from billing.dunning.status import update_dunning
from billing.models import Invoice, MonthClose
from billing.models.invoice_amounts import Status
from core.months import Month
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.demo.companies import PASSWORD, PROVIDERS
from mtp.demo.load import LOADED, load_demo
from tenants.models import AuditEntry, ManagedUser, Organization
from tests.sandbox_fixtures import StripeStandIn
from usage.cap_badges import Badge, badge
from usage.ledger.month_peaks import organizations_with_usage
from usage.ledger.verify import verify_ledger

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture
def load(
    db: None, recorded_schemas: None, stripe_account: StripeStandIn, settings: Any
) -> Callable[[], list[str]]:
    settings.STRIPE_API_KEY = stripe_account.secret_key
    settings.STRIPE_API_BASE = stripe_account.url

    def load() -> list[str]:
        reported: list[str] = []
        load_demo(now=NOW, report=reported.append)
        return reported

    return load


def test_the_demo_has_the_providers_of_the_readme(
    load: Callable[[], list[str]], stripe_account: StripeStandIn
) -> None:
    load()
    demo, hafen, cascade, late, suspended = (
        Provider.objects.get(invoice_prefix=plan.prefix) for plan in PROVIDERS
    )
    with provider_schema(demo):
        assert Organization.objects.count() == 40
        assert ManagedUser.objects.filter(removed_at=None).count() == 1500
        invoices = list(Invoice.objects.all())
        assert [invoice.status for invoice in invoices] == [Status.PAID] * 13
        assert verify_ledger() == []
        rows = organizations_with_usage(month=Month(2026, 11))
        badges = [badge(users=r.users, cap=r.user_cap, free_user_limit=None) for r in rows]
        assert badges.count(Badge.LIMIT_REACHED) == 1
        assert badges.count(Badge.NEAR_LIMIT) == 1
        assert rows.filter(user_cap=None).exists()
    with provider_schema(hafen):
        assert not Invoice.objects.exists()
        assert verify_ledger() == []
    with provider_schema(cascade):
        assert ManagedUser.objects.filter(removed_at=None).count() == 480
    assert not OutboxMessage.objects.filter(finished_at=None).exists()
    assert stripe_account.charges()["succeeded"] == 13 + 3
    assert User.objects.get(email="org@demo.example").check_password(PASSWORD)
    for provider in (demo, hafen, cascade):
        with provider_schema(provider):
            assert update_dunning(now=NOW).stage is DunningStage.CURRENT, "nothing is outstanding"
    for provider, stage in (
        (late, DunningStage.THIRTY_DAYS),
        (suspended, DunningStage.SUSPENDED),
    ):
        with provider_schema(provider):
            assert update_dunning(now=NOW).stage is stage
            assert verify_ledger() == []

    assert load() == [], "a second load has nothing to do"
    _make_incomplete(cascade)
    assert load()[0] == "Cascade Networks: 5 organizations"


def _make_incomplete(provider: Provider) -> None:
    """Leave the provider as a load that is killed before its last step."""
    with provider_schema(provider):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
            AuditEntry.objects.filter(action=LOADED).delete()
            cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")
        MonthClose.objects.all().delete()
        # A schema with pending constraint checks can't be dropped; a commit would run them.
        connection.check_constraints()
