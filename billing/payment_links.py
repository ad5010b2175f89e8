"""Payment links: signed, expiring links to pay one invoice without signing in.

A link contains the provider's public id and the invoice's row id: signed, not secret. Its keys are
PAYMENT_LINK_KEYS, because links in mails live longer than sessions (docs/decisions/0038).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.crypto import salted_hmac

from accounts.models import Provider
from accounts.models.provider import SET_UP
from accounts.providers import current_provider
from billing.models import Invoice
from core.schema import provider_schema

SALT = "billing.payment-link"
# A stored document has the same link for ever, so it has to live as long as people pay late.
DAYS_IN_DOCUMENTS = 366


class LinkIsDead(Exception):
    """The link's signature is wrong, it has expired, or its provider or invoice does not exist."""


def payment_link(*, invoice_id: int, now: datetime) -> str:
    """Return the absolute address at which this invoice of the current provider can be paid.

    Everyone who has the address can pay.
    """
    return _link(invoice_id, ends_at=now + timedelta(days=settings.PAYMENT_LINK_DAYS))


def link_in_documents(invoice: Invoice) -> str:
    """Return the link that the stored documents of an invoice of the current provider carry.

    It depends on the issued invoice and the signing key alone, so that a document renders to the
    same bytes again.
    """
    return _link(invoice.pk, ends_at=invoice.issued_at + timedelta(days=DAYS_IN_DOCUMENTS))


def signing_key_digest() -> str:
    """A digest that changes with the key that signs the links."""
    return salted_hmac(SALT, "digest", secret=settings.PAYMENT_LINK_KEYS[0]).hexdigest()


def _link(invoice_id: int, *, ends_at: datetime) -> str:
    provider = current_provider()
    token = _signer().sign_object([str(provider.provider_id), invoice_id, int(ends_at.timestamp())])
    return str(settings.SITE_URL + reverse("pay_invoice", args=[token]))


@contextmanager
def linked_invoice(*, token: str, now: datetime) -> Iterator[Invoice]:
    """Yield a link's invoice, in its provider's schema; raises `LinkIsDead`.

    A paid invoice is yielded too: the page then says that it is paid.
    """
    provider_id, invoice_id = _read(token, now=now)
    provider = Provider.objects.filter(provider_id=provider_id, state__in=SET_UP).first()
    if provider is None:
        raise LinkIsDead
    with provider_schema(provider):
        invoice = Invoice.objects.filter(pk=invoice_id).first()
        if invoice is None:
            raise LinkIsDead
        yield invoice


def _signer() -> Signer:
    first, *others = settings.PAYMENT_LINK_KEYS
    return Signer(key=first, fallback_keys=[*others], salt=SALT)


def _read(token: str, *, now: datetime) -> tuple[UUID, int]:
    try:
        provider_id, invoice_id, ends_at = _signer().unsign_object(token)
    except (BadSignature, ValueError) as error:
        raise LinkIsDead from error
    if now.timestamp() >= ends_at:
        raise LinkIsDead
    return UUID(provider_id), int(invoice_id)
