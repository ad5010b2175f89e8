"""Refusals as the API's problems; a 409 at a limit has the limit and the contact."""

from collections.abc import Callable

from accounts.api_access import ApiRequest
from accounts.models import Provider
from core.problems import Problem
from tenants.organizations.lifecycle import NameTaken, OrganizationLimitReached
from tenants.refusals import Because, OrganizationRemoved, ProviderLeft, UserCapReached
from tenants.users.external_ids import Conflicts
from tenants.users.membership import AlreadyThere

CONFLICT = 409


def contact_of(provider: Provider) -> dict[str, str]:
    """The provider's contact, who can raise a limit."""
    return {"name": provider.contact_name, "email": provider.contact_email}


def _cap_reached(request: ApiRequest, refusal: UserCapReached) -> Problem:
    provider = request.provider
    if refusal.because == Because.ACCOUNT_LIMIT:
        return _account_limit_reached(request, refusal)
    is_cap = refusal.because == Because.CAP
    limit = "user cap" if is_cap else "free allowance"
    return Problem(
        CONFLICT,
        "user-cap-reached" if is_cap else "free-allowance-reached",
        f"The organization has {refusal.count} users and its {limit} is {refusal.cap}: "
        f"{refusal.asked} more can't be added. Contact {provider.contact_name}, "
        f"{provider.contact_email}.",
        organization_id=refusal.organization_id,
        cap=refusal.cap,
        count=refusal.count,
        asked=refusal.asked,
        contact=contact_of(provider),
    )


def _account_limit_reached(request: ApiRequest, refusal: UserCapReached) -> Problem:
    return Problem(
        CONFLICT,
        "account-limit-reached",
        f"All organizations together have {refusal.count} users and the agreement allows "
        f"{refusal.cap}: {refusal.asked} more can't be added.",
        limit=refusal.cap,
        count=refusal.count,
        asked=refusal.asked,
        contact=contact_of(request.provider),
    )


def _organizations_full(request: ApiRequest, refusal: OrganizationLimitReached) -> Problem:
    return Problem(
        CONFLICT,
        "organization-limit-reached",
        f"All {refusal.limit} organizations of the agreement are in use.",
        limit=refusal.limit,
        contact=contact_of(request.provider),
    )


def _name_taken(_request: ApiRequest, _refusal: NameTaken) -> Problem:
    detail = "Another organization has this name."
    return Problem(CONFLICT, "name-taken", detail)


def _already_there(_request: ApiRequest, _refusal: AlreadyThere) -> Problem:
    detail = "The organization has another one of this e-mail, serial number or external id."
    return Problem(CONFLICT, "already-there", detail)


def _conflicts(_request: ApiRequest, refusal: Conflicts) -> Problem:
    return Problem(
        CONFLICT,
        "entries-clash",
        "Nothing was added: entries clash with each other, or with existing ones.",
        places=refusal.places,
    )


def _organization_removed(_request: ApiRequest, _refusal: OrganizationRemoved) -> Problem:
    return Problem(CONFLICT, "organization-removed", "The organization has been removed.")


def _provider_left(_request: ApiRequest, _refusal: ProviderLeft) -> Problem:
    return Problem(CONFLICT, "provider-left", "The account is read-only: nothing can be added.")


PROBLEMS: dict[type[Exception], Callable[..., Problem]] = {
    UserCapReached: _cap_reached,
    OrganizationLimitReached: _organizations_full,
    NameTaken: _name_taken,
    AlreadyThere: _already_there,
    Conflicts: _conflicts,
    OrganizationRemoved: _organization_removed,
    ProviderLeft: _provider_left,
}
