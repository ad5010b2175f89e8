"""The licences that are left, for pages of users and devices."""

from typing import Any

from django import template
from django.utils import timezone

from accounts.roles import Permission
from billing.contracts.licenses import Licences, this_month
from billing.contracts.licenses import licences as current_licences

register = template.Library()


@register.inclusion_tag("billing/_licenses_left.html", takes_context=True)
def licences_left(context: dict[str, Any]) -> dict[str, Licences | None]:
    """A badge with the licences left, for who may see billing; nothing without a commitment."""
    if not context["request"].user.may(Permission.VIEW_BILLING):
        return {"licences": None}
    return {"licences": current_licences(month=this_month(now=timezone.now()))}
