"""A restored provider is never charged, mailed or numbered twice; its ledger verifies again."""

import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import HighestId, IssuedDocument, Provider
from billing.erasure.erase import erase_user
from billing.invoicing.month_close import close_month
from billing.models import ChargeAttempt, Invoice, Payment, UnassignedPayment
from billing.provider_check import check_provider
from core.mail import queue_mail
from core.months import Month
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage, OutboxPause
from core.schema import provider_schema
from mtp.backups.dump import MANIFEST, BackupError, back_up
from mtp.backups.restore import restore
from tenants.models import ManagedUser, Organization
from tenants.users.membership import remove_member
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario, stripe_api
from tests.sandbox_fixtures import StripeStandIn

OCTOBER = Month(2026, 10)
DECEMBER = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)

__all__ = ["stripe_api"]


@pytest.fixture
def paying(
    own_provider: Callable[..., Provider], stripe_api: StripeStandIn
) -> Iterator[BillingScenario]:
    """A provider with a card, a contract and three users since October."""
    provider = own_provider(prefix="BACK")
    scenario = BillingScenario(provider=provider, stripe=stripe_api)
    with provider_schema(provider):
        scenario.contract()
        scenario.card()
        scenario.organization(users=3)
    provider.refresh_from_db()
    yield scenario
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'provider_back_parked%'"
        )
        for (parked,) in cursor.fetchall():
            cursor.execute(f'DROP SCHEMA "{parked}" CASCADE')
    OperationsAlert.objects.filter(schema_name=provider.schema_name).delete()


def close_and_charge(provider: Provider, month: Month, now: datetime) -> Invoice:
    with provider_schema(provider):
        close_month(provider=provider, month=month, now=now)
        invoice: Invoice = Invoice.objects.get(month=month.first_day)
    deliver_all(provider, now=now)
    return invoice


def deliver_all(provider: Provider, *, now: datetime) -> None:
    for _ in range(3):
        deliver_due(now=now, schema=provider.schema_name)


def charged(scenario: BillingScenario) -> int:
    with provider_schema(scenario.provider):
        return int(scenario.stripe.charges(customer=scenario.customer())["succeeded"])


def alert_kinds(scenario: BillingScenario) -> set[str]:
    alerts = OperationsAlert.objects.open().filter(schema_name=scenario.provider.schema_name)
    return set(alerts.order_by().values_list("kind", flat=True))


def backed_up(scenario: BillingScenario, directory: Path) -> Path:
    path = directory / "backup.zip"
    connection.set_schema_to_public()
    back_up(provider=scenario.provider, path=path)
    return path


def test_nothing_differs_after_a_restore_of_the_present_state(
    paying: BillingScenario, tmp_path: Path
) -> None:
    invoice = close_and_charge(paying.provider, OCTOBER, NOVEMBER)
    path = backed_up(paying, tmp_path)

    report = restore(provider=paying.provider, path=path)

    assert report.is_open
    assert (report.lost_documents, report.counts["months"]) == ([], 1)
    assert Provider.objects.get(pk=paying.provider.pk).state == Provider.State.ACTIVE
    assert not OutboxPause.objects.exists()
    with provider_schema(paying.provider):
        assert Invoice.objects.get().amounts.owed_minor == 0
        assert Invoice.objects.get().number == invoice.number
    deliver_all(paying.provider, now=DECEMBER)
    assert charged(paying) == 1


def test_a_payment_made_after_the_backup_pays_its_invoice(
    paying: BillingScenario, tmp_path: Path
) -> None:
    with provider_schema(paying.provider):
        close_month(provider=paying.provider, month=OCTOBER, now=NOVEMBER)
    path = backed_up(paying, tmp_path)
    deliver_all(paying.provider, now=NOVEMBER)
    assert charged(paying) == 1

    report = restore(provider=paying.provider, path=path)
    deliver_all(paying.provider, now=DECEMBER)

    assert report.counts["payments_booked"] == 1
    assert charged(paying) == 1
    with provider_schema(paying.provider):
        invoice = Invoice.objects.get()
        assert (invoice.amounts.owed_minor, invoice.payments.count()) == (0, 1)
        # The documents that the restore lost are rendered again.
        assert invoice.documents.count() == 2


def test_a_month_closed_again_uses_the_payment_of_its_lost_invoice_and_a_new_number(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    lost = close_and_charge(paying.provider, OCTOBER, NOVEMBER)
    assert charged(paying) == 1

    report = restore(provider=paying.provider, path=path)

    assert report.lost_documents == [lost.number]
    with provider_schema(paying.provider):
        assert not Invoice.objects.exists()
        assert UnassignedPayment.objects.get().lost_number == lost.number
    # The payment has one alert: none says to book or refund what the next close uses.
    check_provider(provider=paying.provider, now=NOVEMBER)
    assert {"unassigned_payment"} == alert_kinds(paying) - {"restore_lost", "billing.month"}
    again = close_and_charge(paying.provider, OCTOBER, NOVEMBER)
    assert again.number == "BACK-000002"
    assert again.pk > lost.pk
    assert charged(paying) == 1
    with provider_schema(paying.provider):
        again.refresh_from_db()
        assert (again.amounts.owed_minor, again.documents.count()) == (0, 2)
        assert UnassignedPayment.objects.get().invoice == again
    assert alert_kinds(paying) - {"billing.month"} == {"restore_lost"}


def test_ids_move_past_the_highest_also_without_the_earlier_schema(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    schema = paying.provider.schema_name
    HighestId.objects.create(
        provider=paying.provider, sequence="tenants_organization_id_seq", value=9_000_000
    )
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{schema}" CASCADE')

    report = restore(provider=paying.provider, path=path)

    assert report.parked_as == ""
    with provider_schema(paying.provider):
        assert Organization.objects.create(name="Next").pk == 10_000_001


def test_users_added_after_the_backup_are_gone_and_counting_goes_on(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    with provider_schema(paying.provider):
        organization = Organization.objects.get()
        ManagedUser.objects.create(organization=organization, email="late@acme.example")

    restore(provider=paying.provider, path=path)

    with provider_schema(paying.provider):
        assert ManagedUser.objects.count() == 3
        ManagedUser.objects.create(organization=organization, email="new@acme.example")
        assert ManagedUser.objects.count() == 4
    alerts = OperationsAlert.objects.open().filter(schema_name=paying.provider.schema_name)
    assert [alert.summary for alert in alerts] == []


def test_users_erased_after_the_backup_are_erased_again(
    paying: BillingScenario, tmp_path: Path
) -> None:
    provider = paying.provider
    with provider_schema(provider):
        erased, removed_later, _ = ManagedUser.objects.order_by("pk")
        remove_member(member=erased, actor=BILL, now=datetime(2026, 10, 20, tzinfo=UTC))
        close_month(provider=provider, month=OCTOBER, now=NOVEMBER)
    path = backed_up(paying, tmp_path)
    with provider_schema(provider):
        remove_member(member=removed_later, actor=BILL, now=datetime(2026, 11, 2, tzinfo=UTC))
        close_month(provider=provider, month=OCTOBER.next, now=DECEMBER)
        for user in ManagedUser.objects.exclude(removed_at=None).order_by("pk"):
            erase_user(user=user, actor=BILL, now=DECEMBER)

    report = restore(provider=provider, path=path)

    assert report.is_open
    assert report.active_again == [removed_later.pk]
    alert = OperationsAlert.objects.open().get(kind="restore_erased")
    assert f"erased after the backup: #{removed_later.pk}." in alert.summary
    with provider_schema(provider):
        erased.refresh_from_db()
        assert str(erased) == f"Erased user #{erased.pk}"
        removed_later.refresh_from_db()
        assert (removed_later.removed_at, removed_later.erased_at) == (None, None)


def test_mails_sent_since_the_backup_are_not_sent_again(
    paying: BillingScenario, tmp_path: Path
) -> None:
    with provider_schema(paying.provider):
        close_month(provider=paying.provider, month=OCTOBER, now=NOVEMBER)
    path = backed_up(paying, tmp_path)
    deliver_all(paying.provider, now=NOVEMBER)
    mails = OutboxMessage.objects.filter(
        schema_name=paying.provider.schema_name, topic__contains="mail"
    )
    sent = set(mails.values_list("pk", flat=True))
    assert sent
    with provider_schema(paying.provider):
        queue_mail(key="later", to=["a@x.example"], subject="Later", text="Secret", now=NOVEMBER)
    withdrawn = mails.get(key="later")

    restore(provider=paying.provider, path=path)

    assert not mails.filter(pk__in=sent, finished_at=None).exists()
    withdrawn.refresh_from_db()
    assert (withdrawn.finished_at is None, withdrawn.payload["text"]) == (False, "")


def raise_high_water_marks(provider: Provider, *, by: int) -> None:
    """Past the triggers, as only the owner of the database can."""
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_monthlyusage DISABLE TRIGGER USER")
        cursor.execute("UPDATE usage_monthlyusage SET high_water_mark = high_water_mark + %s", [by])
        cursor.execute("ALTER TABLE usage_monthlyusage ENABLE TRIGGER USER")


def test_a_difference_keeps_the_provider_stopped_until_it_is_mended(
    paying: BillingScenario, tmp_path: Path
) -> None:
    close_and_charge(paying.provider, OCTOBER, NOVEMBER)
    raise_high_water_marks(paying.provider, by=1)
    path = backed_up(paying, tmp_path)

    with pytest.raises(CommandError, match="stays stopped"):
        call_command("restore_provider", "--provider", "BACK", "--from", str(path))

    stopped = Provider.objects.get(pk=paying.provider.pk)
    assert stopped.state == Provider.State.RESTORING
    assert OutboxPause.objects.filter(schema_name=stopped.schema_name).exists()
    assert OperationsAlert.objects.open().filter(kind="restore").exists()
    raise_high_water_marks(stopped, by=-1)
    output = StringIO()
    call_command(
        "restore_provider", "--provider", "BACK", "--from", str(path), "--finish", stdout=output
    )
    assert "It works again." in output.getvalue()
    assert not OperationsAlert.objects.open().filter(kind="restore").exists()


def test_a_stripe_that_does_not_answer_keeps_the_provider_stopped(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    paying.stripe.fault("unsaved_500", path="/v1/payment_intents", method="GET")

    with pytest.raises(CommandError):
        call_command("restore_provider", "--provider", "BACK", "--from", str(path))

    assert Provider.objects.get(pk=paying.provider.pk).state == Provider.State.RESTORING
    call_command("restore_provider", "--provider", "BACK", "--from", str(path), "--finish")
    assert Provider.objects.get(pk=paying.provider.pk).is_active


def test_a_backup_of_another_provider_or_a_damaged_one_is_refused_and_nothing_is_stopped(
    paying: BillingScenario, own_provider: Callable[..., Provider], tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    other = own_provider(prefix="ELSE")
    with pytest.raises(BackupError, match="is of provider BACK"):
        restore(provider=other, path=path)
    damaged = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(damaged, "w") as bad:
        bad.writestr(MANIFEST, good.read(MANIFEST))
        bad.writestr("schema.dump", b"something else")
    with pytest.raises(BackupError, match="damaged"):
        restore(provider=paying.provider, path=damaged)
    later = tmp_path / "later.zip"
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(later, "w") as bad:
        manifest = json.loads(good.read(MANIFEST))
        manifest["migrations"].append(["billing", "9999_unknown"])
        bad.writestr(MANIFEST, json.dumps(manifest))
        bad.writestr("schema.dump", good.read("schema.dump"))
    with pytest.raises(BackupError, match="later release"):
        restore(provider=paying.provider, path=later)
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(BackupError, match="no backup"):
        restore(provider=paying.provider, path=tmp_path / "text.zip")
    assert Provider.objects.get(pk=paying.provider.pk).is_active
    assert Provider.objects.get(pk=other.pk).is_active


def test_a_backup_never_overwrites_a_file_and_is_readable_by_its_owner_only(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupError, match="exists already"):
        back_up(provider=paying.provider, path=path)


def test_a_lost_number_is_never_issued_again_if_the_register_alone_knows_it(
    paying: BillingScenario, tmp_path: Path
) -> None:
    path = backed_up(paying, tmp_path)
    IssuedDocument.objects.create(
        provider=paying.provider, series="invoice", position=41, number="BACK-000041",
        kind="usage", month="2026-09-01", currency="USD", total_minor=1, issued_at=timezone.now(),
    )  # fmt: skip

    report = restore(provider=paying.provider, path=path)

    assert report.lost_documents == ["BACK-000041"]
    assert close_and_charge(paying.provider, OCTOBER, NOVEMBER).number == "BACK-000042"
    with provider_schema(paying.provider):
        assert (ChargeAttempt.objects.count(), Payment.objects.count()) == (1, 1)
