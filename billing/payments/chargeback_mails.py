"""Mails about chargebacks: each step to operations, a lost one to the billing contacts too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Provider
from billing.formatting import date_text, instant_text, month_text
from billing.models import Chargeback
from billing.money import format_money
from billing.payments.payment_links import payment_link
from core.mail import queue_mail

State = Chargeback.State
SUBJECTS = {
    State.OPEN: "{provider}: payment of invoice {number} contested",
    State.WON: "{provider}: contested payment of invoice {number} stays",
    State.LOST: "{provider}: payment of invoice {number} taken back",
}


def queue_chargeback_mails(*, chargeback: Chargeback, provider: Provider, now: datetime) -> None:
    """Mail the step that the chargeback has reached, once for each."""
    invoice = chargeback.payment.invoice
    subject = SUBJECTS[State(chargeback.state)].format(
        provider=provider.name, number=invoice.number
    )
    _queue(
        chargeback, "chargeback_operations", [settings.SUPPORT_EMAIL], subject, provider, now=now
    )
    if chargeback.state == State.LOST and invoice.owed_minor:
        subject = f"The payment of invoice {invoice.number} was taken back by your bank"
        to = invoice.buyer["emails"]
        _queue(chargeback, "chargeback_lost", to, subject, provider, now=now)


def _queue(
    chargeback: Chargeback,
    template: str,
    to: Sequence[str],
    subject: str,
    provider: Provider,
    *,
    now: datetime,
) -> None:
    invoice = chargeback.payment.invoice
    zone = invoice.billing_zone()
    due_at = chargeback.evidence_due_at
    context: dict[str, Any] = {
        "subject": subject,
        "chargeback": chargeback,
        "provider": provider,
        "invoice": invoice,
        "month": month_text(invoice.month),
        "total": format_money(invoice.total_minor, invoice.currency),
        "amount": format_money(chargeback.amount_minor, chargeback.currency),
        "owed": format_money(invoice.owed_minor, invoice.currency),
        "paid_on": date_text(chargeback.payment.received_at.astimezone(zone).date()),
        "evidence_due": instant_text(due_at, zone) if due_at else "",
        "invoice_url": settings.SITE_URL + reverse("invoice_detail", args=[invoice.pk]),
        "pay_url": payment_link(invoice_id=invoice.pk, now=now),
        "support_email": settings.SUPPORT_EMAIL,
    }
    queue_mail(
        key=f"{template}:{chargeback.pk}:{chargeback.state}",
        to=to,
        subject=subject,
        text=render_to_string(f"billing/mail/{template}.txt", context),
        html=render_to_string(f"billing/mail/{template}.html", context),
        now=now,
    )
