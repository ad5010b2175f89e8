"""The open invitations of a list of administrators, which can be sent again many at once."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Invitation
from accounts.requests import PortalRequest
from tenants.bulk.actions import MOST_AT_ONCE
from tenants.bulk.offers import offers
from tenants.models import BulkAction


def invitation_list(
    request: PortalRequest, invited: QuerySet[Invitation], *, bulk_url: str
) -> dict[str, Any]:
    """What `tenants/_invitations.html` shows, newest first; an action goes to `bulk_url`."""
    page = Paginator(invited.order_by("-sent_at", "-pk"), MOST_AT_ONCE).get_page(1)
    now = timezone.now()
    return {
        "invitations": [(one, one.is_open(now)) for one in page.object_list],
        "page": page,
        "offers": offers(BulkAction.Kind.INVITATIONS, user=request.user, is_own=False),
        "bulk_url": bulk_url,
        "noun": "invitations",
        "exports": False,
    }
