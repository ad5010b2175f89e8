"""A user who made the peak of a closed month and was removed: what the tests erase."""

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import connection

from billing.documents.fingerprint import fingerprint
from billing.documents.store import rendered
from billing.invoicing.month_close import close_month
from billing.models import Invoice, InvoiceDocument
from core.months import Month
from core.schema import provider_schema
from tenants.models import ImportRun, ManagedUser, RefusedLine
from tenants.users.external_ids import set_external_id
from tenants.users.membership import Via, add_member, remove_member
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario

OCTOBER = Month(2026, 10)
# Of the removed user: every copy of the address, the name and the external id.
PERSONAL = ("ann.baker@acme.example", "Ann Baker", "hr-17")
FILE = "Email;Name\r\nANN.Baker@acme.example;Ann Baker\r\nbroken;x\r\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add_ann(organization, when: datetime) -> ManagedUser:
    user = ManagedUser(organization=organization, email=PERSONAL[0], name=PERSONAL[1])
    return add_member(member=user, actor=BILL, via=Via.FORM, now=when)


def import_run(organization, text: str = FILE, state: str = "imported") -> ImportRun:
    run = ImportRun.objects.create(
        organization=organization, kind="users", state=state, file_name="u.csv",
        content=text.encode("utf-16"), encoding="UTF-16", lines=2, refused=1,
        started_at=NOVEMBER, started_by_name="Bill",
        finished_at=NOVEMBER if state == "imported" else None,
    )  # fmt: skip
    RefusedLine.objects.create(
        run=run, line=2, reason="already_there", subject="Ann.Baker@acme.example"
    )
    return run


def store_csv(invoice: Invoice) -> None:
    csv = InvoiceDocument.Format.CSV
    content = rendered(csv, invoice=invoice, lines=list(invoice.lines.order_by("position")))
    InvoiceDocument.objects.create(
        invoice=invoice, format=csv, content=content, rendered_at=NOVEMBER,
        sha256=hashlib.sha256(content).hexdigest(), fingerprint=fingerprint(csv),
    )  # fmt: skip


@pytest.fixture
def ann(scenario: BillingScenario) -> ManagedUser:
    """Ann made the peak of October, which is closed, billed and rendered, and was removed."""
    user = removed_peak_user(scenario)
    store_csv(Invoice.objects.get())
    return user


def removed_peak_user(scenario: BillingScenario) -> ManagedUser:
    scenario.contract()
    acme = scenario.organization(users=2, name="Acme")
    user = add_ann(acme, at("2026-10-20 08:00"))
    set_external_id(member=user, external_id=PERSONAL[2], actor=BILL, now=at("2026-10-20 09:00"))
    remove_member(member=user, actor=BILL, now=at("2026-10-25 08:00"))
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    user.refresh_from_db()
    return user


def named_in(provider, texts=PERSONAL) -> set[str]:
    """The tables of the provider's schema and of public that contain one of these texts."""
    found = set()
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname IN (%s, 'public')",
            [provider.schema_name],
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT lower(t::text) FROM {table} t")  # noqa: S608 - the names come from the catalog
            for (row,) in cursor.fetchall():
                for text in texts:
                    # Columns of bytes are shown in hexadecimal digits.
                    for codec in ("utf-8", "utf-16-le"):
                        hidden = text.encode(codec).hex(), text.lower().encode(codec).hex()
                        if text.lower() in row or any(each in row for each in hidden):
                            found.add(table.rpartition(".")[2])
    return found
