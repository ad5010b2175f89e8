"""The terms of a contract, as input of rating."""

from billing.choices import CommitmentBasis, ContractKind
from billing.contracts.prepaid import prepaid_active_users
from billing.models import BillingProfile, Contract, PaymentMethod
from billing.rating.rate_month import Terms
from core.metrics import Metric
from core.months import Month


def terms_of(
    contract: Contract,
    profile: BillingProfile | None,
    *,
    month: Month | None = None,
    has_card: bool | None = None,
) -> Terms:
    """The contract's terms, with the current card and tax.

    With `month`, they include the packs that cover it if active users are billed. The card is read
    unless `has_card` is given; it decides how an invoice is collected, not its amount.
    """
    if has_card is None:
        has_card = PaymentMethod.objects.current() is not None
    counts_active = contract.metric == Metric.ACTIVE_USERS
    return Terms(
        kind=ContractKind(contract.kind),
        package_name=contract.package_name,
        metric=Metric(contract.metric),
        currency=contract.currency,
        unit_price=contract.unit_price,
        automatic_limit_minor=contract.automatic_limit_minor,
        has_card=has_card,
        # The customer may choose against automatic payment: to be mailed, as by an agreement.
        invoice_agreement=contract.invoice_agreement
        or (profile is not None and not profile.pays_automatically),
        committed_quantity=contract.committed_quantity or 0,
        commitment_basis=CommitmentBasis(contract.commitment_basis),
        prepaid_quantity=prepaid_active_users(month=month) if counts_active and month else 0,
        **({"tax_rate": profile.tax_rate} if profile else {}),
    )
