"""The licenses that are left, for pages of users and devices."""

from typing import Any

from django import template
from django.utils import timezone

from accounts.roles import Permission
from billing.contracts.licenses import Licenses, this_month
from billing.contracts.licenses import licenses as current_licenses

register = template.Library()


@register.inclusion_tag("billing/_licenses_left.html", takes_context=True)
def licenses_left(context: dict[str, Any]) -> dict[str, Licenses | None]:
    """A badge with the licenses left, for who may see billing; nothing without a commitment."""
    if not context["request"].user.may(Permission.VIEW_BILLING):
        return {"licenses": None}
    return {"licenses": current_licenses(month=this_month(now=timezone.now()))}
