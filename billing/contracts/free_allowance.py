"""The contract that bills a month: none inside the free allowance."""

from collections.abc import Iterable

from accounts.providers import current_provider
from billing.choices import ContractKind
from billing.models import Contract
from core.months import Month
from tenants.models import MeteringPolicy


def billed_contract(month: Month) -> Contract | None:
    """The contract that bills the month; None inside the free allowance.

    Without a card or an invoice agreement, only a commitment is owed. A month that ended before
    either existed stays free, however late it is closed.
    """
    contract = Contract.objects.current(month)
    if contract is None or contract.kind == ContractKind.COMMITTED:
        return contract
    return None if was_free(month) else contract


def billed_contracts(months: Iterable[Month]) -> dict[Month, Contract | None]:
    """The contracts that bill several months, in two statements."""
    contracts = list(Contract.objects.order_by("-starts_on"))
    policy = MeteringPolicy.objects.current()
    billed: dict[Month, Contract | None] = {}
    for month in months:
        contract = next((one for one in contracts if one.covers(month.first_day)), None)
        is_owed = contract is not None and contract.kind == ContractKind.COMMITTED
        billed[month] = contract if is_owed or not was_free(month, policy) else None
    return billed


def was_free(month: Month, policy: MeteringPolicy | None = None) -> bool:
    """Whether the provider was inside the free allowance until the month ended."""
    policy = policy or MeteringPolicy.objects.current()
    if policy.free_user_limit is not None:
        return True
    month_ends_at = month.ends_at(current_provider().billing_zone())
    return policy.free_until is not None and policy.free_until >= month_ends_at
