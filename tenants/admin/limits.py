"""Operations' page of the most users that a provider may have."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.operations import ChangeOnlyModelAdmin
from core.actors import actor_of
from tenants.models import MeteringPolicy
from tenants.organizations.account_limit import set_account_limit


@admin.register(MeteringPolicy)
class MeteringPolicyAdmin(ChangeOnlyModelAdmin):
    """The one row of a provider, of which only the limit can be changed."""

    list_display = ("__str__", "account_limit")
    fields = ("account_limit", "billing_time_zone", "free_user_limit", "closed_through")
    readonly_fields = ("billing_time_zone", "free_user_limit", "closed_through")

    def save_model(
        self,
        request: HttpRequest,
        obj: MeteringPolicy,  # noqa: ARG002 - Django's signature
        form: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Call the domain, which logs the change."""
        set_account_limit(
            limit=form.cleaned_data["account_limit"], actor=actor_of(request), now=timezone.now()
        )
