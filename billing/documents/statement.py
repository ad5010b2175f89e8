"""The PDF of an account statement: what the page shows, on paper.

Workers render it and keep the bytes for some days. The page of a statement that says something
else has another digest, so what was rendered before is not handed out for it.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string

from accounts.models import Provider
from billing import topics
from billing.account_ledger import AccountStatement, account_statements
from billing.customer.profile import buyer
from billing.documents.fingerprint import LAYOUT_VERSION
from billing.documents.frame import frame
from billing.documents.invoice_content import Party
from billing.documents.store import checked, store_once
from billing.documents.text_fitting import printable
from billing.formatting import date_text, local_date, short_date_text
from billing.models import BillingProfile, StatementDocument
from billing.money import format_money
from core.months import day_starts_at
from core.outbox.delivery import enqueue

# 40 pages: more take a worker too long.
MOST_MOVEMENTS = 1_000


class TooManyMovements(Exception):
    """The period has more movements than a PDF holds."""


@dataclass(frozen=True, slots=True)
class StatementDays:
    """The days of a statement, both included, in the billing zone."""

    first: date
    last: date
    zone: ZoneInfo

    def statements(self) -> list[AccountStatement]:
        """The statement of each currency, computed now."""
        return account_statements(
            starts_at=day_starts_at(day=self.first, zone=self.zone),
            ends_at=day_starts_at(day=self.last + timedelta(days=1), zone=self.zone),
        )


def statement_html(*, provider: Provider, days: StatementDays) -> str:
    """The page that becomes the PDF. Raises `TooManyMovements`."""
    statements = days.statements()
    if sum(len(each.rows) for each in statements) > MOST_MOVEMENTS:
        raise TooManyMovements
    customer = buyer(provider=provider, profile=BillingProfile.objects.current())
    parties = (("From", Party.of(settings.SELLER)), ("For", Party.of(customer)))
    period = f"{date_text(days.first)} to {date_text(days.last)}"
    content = {
        "seller": parties[0][1],
        "period": period,
        "facts": [("Customer", provider.invoice_prefix), ("Period", period)],
        "statements": [_shown(each, days) for each in statements],
    }
    return render_to_string(
        "billing/documents/statement.html",
        {
            "content": content,
            "dated": f"{days.last.isoformat()}T00:00:00+00:00",
            "parties": parties,
            **frame(customer),
        },
    )


def _shown(statement: AccountStatement, days: StatementDays) -> dict[str, Any]:
    currency = statement.currency

    def money(minor: int) -> str:
        return format_money(minor, currency)

    opening, closing = money(statement.opening_minor), money(statement.closing_minor)
    sums = [(name, money(minor)) for name, minor in statement.sums()]
    rows = [
        (
            short_date_text(local_date(movement.at, days.zone)),
            f"{movement.kind.value} {movement.number}",
            printable(movement.detail),
            money(movement.amount_minor),
            money(balance),
        )
        for movement, balance in statement.rows
    ]
    return {
        "currency": currency,
        "opening": (short_date_text(days.first), opening),
        "closing": (short_date_text(days.last), closing),
        "rows": rows,
        "totals": [("Opening balance", opening), *sums, ("Closing balance", closing)],
    }


def page_digest(html: str) -> str:
    """The SHA-256 of a page and of the documents' layout (hex); loads no renderer."""
    return hashlib.sha256(f"{LAYOUT_VERSION}\n{html}".encode()).hexdigest()


def statement_document(*, provider: Provider, days: StatementDays) -> StatementDocument:
    """The PDF of the statement as it is now.

    Raises `TooManyMovements`, `DocumentDamaged`, and `DocumentNotReady` before it is rendered.
    """
    digest = page_digest(statement_html(provider=provider, days=days))
    stored = StatementDocument.objects.filter(page_digest=digest).first()
    return checked(stored, name=f"account statement {digest[:8]}")


def request_statement(*, days: StatementDays, now: datetime) -> None:
    """Queue the rendering of a statement, at most once a minute."""
    enqueue(
        topic=topics.STATEMENT_DOCUMENT,
        key=f"{days.first}:{days.last}:{now:%Y-%m-%dT%H:%M}",
        payload={"first": days.first.isoformat(), "last": days.last.isoformat()},
        now=now,
    )


def render_statement(*, provider: Provider, days: StatementDays, now: datetime) -> None:
    """Render and store the statement as it is now, unless it is stored; safe to repeat."""
    # Imported late: the renderer takes 40 MB and half a second, and no web process renders.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415 - as the comment says

    html = statement_html(provider=provider, days=days)
    digest = page_digest(html)
    if StatementDocument.objects.filter(page_digest=digest).exists():
        return
    content = pdf_of(html=html, identifier=digest[:32])
    store_once(StatementDocument(page_digest=digest), content=content, now=now)
