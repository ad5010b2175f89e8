"""Links that open one invoice for payment, without signing in: signed, expiring, dead once paid.

What a link names is signed and not secret: the provider's public id and the invoice's row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from accounts.models import Provider
from accounts.providers import current_provider
from billing.models import Invoice
from core.schema import provider_schema

SALT = "billing.payment-link"


class LinkIsDead(Exception):
    """The link is not ours or has expired, or nothing is owed on its invoice any more."""


def payment_link(*, invoice_id: int, now: datetime) -> str:
    """The absolute address at which whoever has it can pay this invoice of the current provider."""
    provider = current_provider()
    ends_at = now + timedelta(days=settings.PAYMENT_LINK_DAYS)
    token = Signer(salt=SALT).sign_object(
        [str(provider.provider_id), invoice_id, int(ends_at.timestamp())]
    )
    return str(settings.SITE_URL + reverse("pay_invoice", args=[token]))


@contextmanager
def linked_invoice(*, token: str, now: datetime) -> Iterator[Invoice]:
    """The invoice of a link, with its provider's schema entered; raises `LinkIsDead`.

    An invoice that is paid is given all the same: who just paid it is told so.
    """
    provider_id, invoice_id = _read(token, now=now)
    provider = Provider.objects.filter(provider_id=provider_id, state=Provider.State.ACTIVE).first()
    if provider is None:
        raise LinkIsDead
    with provider_schema(provider):
        invoice = Invoice.objects.filter(pk=invoice_id).first()
        if invoice is None:
            raise LinkIsDead
        yield invoice


def _read(token: str, *, now: datetime) -> tuple[UUID, int]:
    try:
        provider_id, invoice_id, ends_at = Signer(salt=SALT).unsign_object(token)
    except (BadSignature, ValueError) as error:
        raise LinkIsDead from error
    if now.timestamp() >= ends_at:
        raise LinkIsDead
    return UUID(provider_id), int(invoice_id)
