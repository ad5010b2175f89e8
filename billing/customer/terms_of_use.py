"""Acceptance of the terms of service, required to put a card on file."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.models import TermsAcceptance
from core.actors import Actor
from tenants import audit


def accepted_terms() -> TermsAcceptance | None:
    """The acceptance of the current version (setting TERMS_VERSION), or None."""
    return TermsAcceptance.objects.filter(version=settings.TERMS_VERSION).first()


@transaction.atomic
def accept_terms(*, actor: Actor, now: datetime) -> None:
    """Record the first acceptance of the current version; later ones change nothing."""
    _, is_first = TermsAcceptance.objects.get_or_create(
        version=settings.TERMS_VERSION,
        defaults={
            "accepted_at": now,
            "accepted_by_id": actor.id,
            "accepted_by_name": actor.name[:200],
        },
    )
    if is_first:
        audit.record(
            actor=actor,
            action="terms.accepted",
            subject=f"Terms of service, version {settings.TERMS_VERSION}",
            now=now,
        )
