"""Which contract bills a month, and its terms as rating takes them."""

from billing.contracts import contract_for
from billing.models import BillingProfile, Contract, PaymentMethod
from billing.rating import BilledMetric, ContractKind, Terms
from tenants.models import MeteringPolicy
from usage.periods import Month


def billed_contract(month: Month) -> Contract | None:
    """The contract that bills the month; None inside the free allowance.

    Without a card and without an invoice agreement nothing is owed but a commitment.
    """
    contract = contract_for(month)
    if contract is None or contract.kind == Contract.Kind.COMMITTED:
        return contract
    policy = MeteringPolicy.objects.get(pk=1)
    return contract if policy.free_user_limit is None else None


def terms_of(contract: Contract, profile: BillingProfile | None) -> Terms:
    """The contract's terms, with the card and the tax as they are now."""
    return Terms(
        kind=ContractKind(contract.kind),
        package_name=contract.package_name,
        metric=BilledMetric(contract.metric),
        currency=contract.currency,
        unit_price=contract.unit_price,
        automatic_limit_minor=contract.automatic_limit_minor,
        has_card=PaymentMethod.objects.filter(replaced_at=None).exists(),
        invoice_agreement=contract.invoice_agreement,
        committed_quantity=contract.committed_quantity or 0,
        **({"tax_rate": profile.tax_rate} if profile else {}),
    )
