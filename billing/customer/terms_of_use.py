"""The terms that whoever puts a card on file accepts: which version, when and by whom."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from billing.models import TermsAcceptance
from core.actors import Actor
from tenants import audit


def accepted_terms() -> TermsAcceptance | None:
    """The acceptance of the version that holds now (setting TERMS_VERSION), if there is one."""
    return TermsAcceptance.objects.filter(version=settings.TERMS_VERSION).first()


@transaction.atomic
def accept_terms(*, actor: Actor, now: datetime) -> None:
    """Keep that the present version was accepted; only its first acceptance is kept and logged."""
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
