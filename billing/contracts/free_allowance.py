"""The contract that bills a month: none inside the free allowance."""

from collections.abc import Iterable

from accounts.providers import current_provider
from billing.choices import ContractKind
from billing.models import Contract
from core.months import Month
from tenants.models import MeteringPolicy


def billed_contract(month: Month, policy: MeteringPolicy | None = None) -> Contract | None:
    """The contract that bills the month; None inside the free allowance.

    Without a card or an invoice agreement, only a commitment is owed. A month that ended before
    either existed stays free, however late it is closed. The policy is read if it is not given.
    """
    contract = Contract.objects.current(month)
    return None if contract is None or _is_free(month, contract, policy) else contract


def billed_contracts(months: Iterable[Month]) -> dict[Month, Contract | None]:
    """The contracts that bill several months, in two statements."""
    contracts = list(Contract.objects.order_by("-starts_on"))
    policy = MeteringPolicy.objects.current()
    billed: dict[Month, Contract | None] = {}
    for month in months:
        contract = next((one for one in contracts if one.covers(month.first_day)), None)
        is_free = contract is None or _is_free(month, contract, policy)
        billed[month] = None if is_free else contract
    return billed


def was_free(month: Month) -> bool:
    """Whether the month has a contract and is not billed by it."""
    contract = Contract.objects.current(month)
    return contract is not None and _is_free(month, contract)


def _is_free(month: Month, contract: Contract, policy: MeteringPolicy | None = None) -> bool:
    if contract.kind == ContractKind.COMMITTED:
        return False
    month_ends_at = month.ends_at(current_provider().billing_zone())
    if contract.billed_from is not None:
        return contract.billed_from >= month_ends_at
    # Agreed before billed periods existed: free while the limit was there.
    policy = policy or MeteringPolicy.objects.current()
    if policy.free_user_limit is not None:
        return True
    return policy.free_until is not None and policy.free_until >= month_ends_at
