"""The billing profile: saved by the provider, copied to each invoice at issue."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Provider
from billing.models import BillingProfile
from billing.seen import require_seen, seen_token
from core.actors import Actor
from tenants import audit

# The fields that a provider can change; operations set the tax.
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
    """The provider's profile, or an unsaved one with its name and contact."""
    return BillingProfile.objects.current() or BillingProfile(
        legal_name=provider.name, contact_emails=[provider.contact_email]
    )


@transaction.atomic
def save_profile(
    *, provider: Provider, changes: Mapping[str, Any], actor: Actor, now: datetime
) -> BillingProfile:
    """Save those of the `OWN_FIELDS` that `changes` contains; issued invoices don't change.

    The audit log records the fields whose value changed.
    """
    profile = _locked(provider)
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


@transaction.atomic
def choose_automatic_payment(
    *, provider: Provider, is_chosen: bool, actor: Actor, now: datetime
) -> bool:
    """Keep whether invoices issued from now on are charged to the card; False if it was so.

    Invoices that were issued stay as they are: an automatic one is still charged.
    """
    profile = _locked(provider)
    if profile.pays_automatically == is_chosen:
        return False
    profile.pays_automatically = is_chosen
    profile.save(update_fields=["pays_automatically"])
    audit.record(
        actor=actor,
        action="billing_profile.automatic_payment_chosen",
        subject=profile.legal_name,
        before={"pays_automatically": not is_chosen},
        after={"pays_automatically": is_chosen},
        now=now,
    )
    return True


def tax_token() -> str:
    """The token of the current provider's tax."""
    return seen_token("tax", _tax(BillingProfile.objects.current() or BillingProfile()))


@transaction.atomic
def set_tax(
    *,
    provider: Provider,
    tax_name: str,
    tax_rate: Decimal,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> BillingProfile:
    """Save the name and rate (in percent) of the tax on invoices issued from now on.

    Raises `ChangedSince` if the tax is not as `seen`.
    """
    profile = _locked(provider)
    require_seen(seen, now=tax_token(), subject="The tax")
    before = _tax(profile)
    profile.tax_name, profile.tax_rate = tax_name, tax_rate
    profile.save(update_fields=["tax_name", "tax_rate"])
    audit.record(
        actor=actor,
        action="billing_profile.tax_changed",
        subject=profile.legal_name,
        before=before,
        after=_tax(profile),
        now=now,
    )
    return profile


def _locked(provider: Provider) -> BillingProfile:
    # Of two concurrent first saves one creates the row and the other waits for it.
    BillingProfile.objects.bulk_create([profile_or_draft(provider=provider)], ignore_conflicts=True)
    return BillingProfile.objects.select_for_update().get(pk=1)


def _tax(profile: BillingProfile) -> dict[str, str]:
    return {"tax_name": profile.tax_name, "tax_rate": f"{profile.tax_rate:.3f}"}


def _own(profile: BillingProfile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in OWN_FIELDS}


def buyer(*, provider: Provider, profile: BillingProfile | None) -> dict[str, Any]:
    """The buyer of an invoice issued now; the provider's name and contact without a profile."""
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
