"""Which contract bills a month, and its terms as rating takes them."""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from billing.allowances.prepaid import prepaid_active_users
from billing.contracts import contract_for
from billing.models import BillingProfile, Contract, PaymentMethod
from billing.rating import BilledMetric, ContractKind, Terms
from tenants.models import MeteringPolicy
from usage.periods import Month


def billed_contract(month: Month) -> Contract | None:
    """The contract that bills the month; None inside the free allowance.

    Without a card and without an invoice agreement nothing is owed but a commitment. A month that
    ended before either came stays free, however late it is closed.
    """
    contract = contract_for(month)
    if contract is None or contract.kind == Contract.Kind.COMMITTED:
        return contract
    return None if was_free(month) else contract


def billed_contracts(months: Iterable[Month]) -> dict[Month, Contract | None]:
    """The same for several months, in two statements."""
    contracts = list(Contract.objects.order_by("-starts_on"))
    policy = MeteringPolicy.objects.get(pk=1)
    found: dict[Month, Contract | None] = {}
    for month in months:
        contract = next((one for one in contracts if _covers(one, month.first_day)), None)
        is_owed = contract is not None and contract.kind == Contract.Kind.COMMITTED
        found[month] = contract if is_owed or not _was_free(policy, month) else None
    return found


def _covers(contract: Contract, day: date) -> bool:
    return contract.starts_on <= day and (contract.ends_on is None or contract.ends_on > day)


def was_free(month: Month) -> bool:
    """Whether the provider was inside the free allowance until the month was over."""
    return _was_free(MeteringPolicy.objects.get(pk=1), month)


def _was_free(policy: MeteringPolicy, month: Month) -> bool:
    if policy.free_user_limit is not None:
        return True
    month_ends_at = month.ends_at(ZoneInfo(policy.billing_time_zone))
    return policy.free_until is not None and policy.free_until >= month_ends_at


def terms_of(
    contract: Contract,
    profile: BillingProfile | None,
    *,
    month: Month | None = None,
    has_card: bool | None = None,
) -> Terms:
    """The contract's terms, with the card and the tax as they are now.

    With the `month`, also the packs that hold in it, where active users are billed. The card is
    looked up unless `has_card` says; it decides how money is collected, never how much.
    """
    if has_card is None:
        has_card = PaymentMethod.objects.filter(replaced_at=None).exists()
    counts_active = contract.metric == BilledMetric.MAU.value
    return Terms(
        kind=ContractKind(contract.kind),
        package_name=contract.package_name,
        metric=BilledMetric(contract.metric),
        currency=contract.currency,
        unit_price=contract.unit_price,
        automatic_limit_minor=contract.automatic_limit_minor,
        has_card=has_card,
        invoice_agreement=contract.invoice_agreement,
        committed_quantity=contract.committed_quantity or 0,
        prepaid_quantity=prepaid_active_users(month=month) if counts_active and month else 0,
        **({"tax_rate": profile.tax_rate} if profile else {}),
    )
