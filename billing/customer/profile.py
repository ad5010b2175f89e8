"""Whom invoices are made out to: changed by the provider, kept on every invoice as it was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Provider
from billing.models import BillingProfile
from core.actors import Actor
from tenants import audit

# Tax is operations' to set; these are the provider's own.
OWN_FIELDS = (
    "mailing_name",
    "mailing_country",
    "mailing_address",
    "is_same_as_mailing",
    "legal_name",
    "country",
    "address",
    "address_lines",
    "tax_id",
    "purchase_order",
    "contact_emails",
)


def profile_or_draft(*, provider: Provider) -> BillingProfile:
    """The provider's profile, or an unsaved one with what is known of it."""
    known = BillingProfile.objects.current()
    return known or BillingProfile(
        legal_name=provider.name, contact_emails=[provider.contact_email]
    )


@transaction.atomic
def save_profile(
    *, provider: Provider, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> BillingProfile:
    """Keep the provider's own fields that `changes` names; issued invoices stay as they are.

    What really changed is in the audit log; saving the same again leaves nothing there.
    """
    # The first of two first savings makes the row, and the other waits for it.
    BillingProfile.objects.bulk_create([profile_or_draft(provider=provider)], ignore_conflicts=True)
    profile = BillingProfile.objects.select_for_update().get(pk=1)
    before = _own(profile)
    for name in OWN_FIELDS:
        setattr(profile, name, changes.get(name, before[name]))
    profile.save()
    after = _own(profile)
    changed = [name for name in OWN_FIELDS if after[name] != before[name]]
    if changed:
        audit.record(
            actor=actor,
            action="billing_profile.changed",
            subject=profile.legal_name,
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
            now=now,
        )
    return profile


def _own(profile: BillingProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in OWN_FIELDS}


def buyer(*, provider: Provider, profile: BillingProfile | None) -> dict[str, Any]:
    """Whom an invoice is made out to now; the provider's own name and contact without a profile."""
    if profile is None:
        profile = BillingProfile(
            legal_name=provider.name, contact_emails=[provider.contact_email], country=""
        )
    return {
        "name": profile.legal_name,
        "address_lines": profile.address_lines,
        "country": profile.country,
        "tax_id": profile.tax_id,
        "purchase_order": profile.purchase_order,
        "emails": profile.contact_emails or [provider.contact_email],
    }
