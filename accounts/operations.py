"""Operations staff work inside one provider at a time, and that is logged.

Models in providers' schemas register a `ProviderModelAdmin`: it appears once a provider is chosen.
"""

from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider, User


def work_in(request: HttpRequest, *, provider: Provider) -> None:
    """Choose the provider whose schema this session's requests run in; logged."""
    request.session[OPERATIONS_PROVIDER_KEY] = provider.pk
    _log(request, provider, "Began to work in this provider.")


def leave(request: HttpRequest) -> None:
    """Back to no provider; logged. Harmless when none was chosen."""
    chosen = request.session.pop(OPERATIONS_PROVIDER_KEY, None)
    provider = Provider.objects.filter(pk=chosen).first()
    if provider is not None:
        _log(request, provider, "Left this provider.")


def working_provider(request: HttpRequest) -> Provider | None:
    """The open provider chosen by this member of staff, whose schema is entered."""
    provider: Provider | None = getattr(request, "provider", None)
    return provider if provider is not None and provider.is_active else None


def _log(request: HttpRequest, provider: Provider, text: str) -> None:
    if not isinstance(request.user, User):
        raise TypeError("Only a member of staff works in a provider.")
    LogEntry.objects.log_actions(
        request.user.pk, [provider], CHANGE, change_message=text, single_object=True
    )


class ProviderModelAdmin(ModelAdmin):  # type: ignore[misc]
    """For models of a provider's schema: there is nothing to see until a provider is chosen."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Listed only inside a provider."""
        return working_provider(request) is not None and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """As Django grants it, inside a provider."""
        return working_provider(request) is not None and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - inlines pass it
        """As Django grants it, inside a provider."""
        return working_provider(request) is not None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """As Django grants it, inside a provider."""
        return working_provider(request) is not None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """As Django grants it, inside a provider."""
        return working_provider(request) is not None and super().has_delete_permission(request, obj)
