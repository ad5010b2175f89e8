"""The API of billing: erasing removed users."""

from collections.abc import Callable

from django.utils import timezone
from ninja import Router, Status

from accounts.api_access import ApiRequest, api_actor
from billing.erasure.erase import CannotErase, erase_user
from core.problems import Problem
from tenants.access import metered_organization_or_404, owned_or_404
from tenants.models import ManagedUser

router = Router(tags=["Users"])
CONFLICT = 409


@router.post(
    "/organizations/{organization_id}/users/{user_id}/erase",
    response={204: None},
    summary="Erase a removed user's name and address",
)
def erase(request: ApiRequest, organization_id: int, user_id: int) -> Status[None]:
    """Final. Every count and invoice stays, and names "Erased user #id"; again, changes nothing.

    409 while the user is active, counts in a month that is not closed, or an import is unfinished.
    """
    organization = metered_organization_or_404(organization_id=organization_id)
    user = owned_or_404(ManagedUser, organization=organization, pk=user_id)
    erase_user(user=user, actor=api_actor(request), now=timezone.now())
    return Status(204, None)


def _cannot_erase(_request: ApiRequest, refusal: CannotErase) -> Problem:
    return Problem(CONFLICT, "cannot-erase", str(refusal))


PROBLEMS: dict[type[Exception], Callable[..., Problem]] = {CannotErase: _cannot_erase}
