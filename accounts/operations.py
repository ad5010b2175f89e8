"""Operations staff work inside one provider at a time.

The admin's log records it in `public`, and the provider's audit log names the person.

Models of provider schemas register a `ProviderModelAdmin`, which appears inside a provider only.
"""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from psycopg.errors import UniqueViolation
from unfold.admin import ModelAdmin

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider, User
from core import audit
from core.actors import actor_of
from core.origin import has_entry
from core.plain_numbers import PlainNumbersMixin
from core.schema import provider_schema


def work_in(request: HttpRequest, *, provider: Provider) -> None:
    """Enter the provider's schema in this session's requests, and log it."""
    request.session[OPERATIONS_PROVIDER_KEY] = provider.pk
    _log(request, provider, "Began to work in this provider.", action="entered")


def leave(request: HttpRequest) -> None:
    """Leave the provider, if one was entered, and log it."""
    provider_pk = request.session.pop(OPERATIONS_PROVIDER_KEY, None)
    provider = Provider.objects.filter(pk=provider_pk).first()
    if provider is not None:
        _log(request, provider, "Left this provider.", action="left")


def working_provider(request: HttpRequest) -> Provider | None:
    """The active provider that this member of staff has entered."""
    provider: Provider | None = getattr(request, "provider", None)
    return provider if provider is not None and provider.is_active else None


def _log(request: HttpRequest, provider: Provider, text: str, *, action: str) -> None:
    if not isinstance(request.user, User):
        raise TypeError("Only a member of staff works in a provider.")
    LogEntry.objects.log_actions(
        request.user.pk, [provider], CHANGE, change_message=text, single_object=True
    )
    _record(request, provider, action=action, of=provider)


def _record(
    request: HttpRequest,
    provider: Provider | None,
    *,
    action: str,
    of: Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Append to the provider's own audit log; one that is not set up has none."""
    if provider is None or not provider.is_active:
        return
    with provider_schema(provider):
        audit.record(
            actor=actor_of(request),
            action=f"operations.{action}",
            subject=str(of),
            subject_id=of.pk,
            before=before,
            after=after,
            now=timezone.now(),
        )


class AuditedAdmin:
    """An admin whose changes are in the audit log of the provider that they are about.

    What the domain recorded itself has its entry already.
    """

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Keep the changed values for the entry."""
        names = [name for name in form.changed_data if name in form.fields]
        initial = {} if add else {name: form[name].initial for name in names}
        request.audited_values = (  # type: ignore[attr-defined] # ours
            {name: _text(value) for name, value in initial.items()},
            {name: _text(form.cleaned_data.get(name)) for name in names},
        )
        return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc] # a mixin

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record it in the provider's log too."""
        self._audit(request, obj, "added")
        return super().log_addition(request, obj, message)  # type: ignore[misc] # a mixin

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record it in the provider's log too."""
        self._audit(request, obj, "changed")
        return super().log_change(request, obj, message)  # type: ignore[misc] # a mixin

    def audited_provider(self, request: HttpRequest, obj: Any) -> Provider | None:  # noqa: ARG002 - of `PermanentModelAdmin`
        """Whose log it is: that of the provider that is worked in."""
        return working_provider(request)

    def _audit(self, request: HttpRequest, obj: Any, verb: str) -> None:
        if has_entry(request):
            return
        before, after = getattr(request, "audited_values", ({}, {}))
        _record(
            request,
            self.audited_provider(request, obj),
            action=f"{obj._meta.model_name}_{verb}",
            of=obj,
            before=before,
            after=after,
        )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


class RefusalsAsMessages:
    """An admin whose page says why a change was refused, and is opened again; nothing is saved."""

    def refusal_of(self, error: Exception) -> str | None:
        """The message for this error; None for an error that is no refusal."""
        raise NotImplementedError

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a refused change with its message."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc] # a mixin
        except Exception as error:
            refusal = self.refusal_of(error)
            if refusal is None:
                raise
            messages.error(request, refusal)
            return redirect(request.path)
        return answer


class PermanentModelAdmin(AuditedAdmin, RefusalsAsMessages, PlainNumbersMixin, ModelAdmin):  # type: ignore[misc] # untyped base class
    """The admin of rows that are never deleted.

    A form that is sent twice at once is saved once: each model has a unique constraint.
    """

    def refusal_of(self, error: Exception) -> str | None:
        """Another request saved the same at this moment."""
        is_twin = isinstance(error, IntegrityError) and isinstance(error.__cause__, UniqueViolation)
        return "The same was saved at this moment already, once. Look at it." if is_twin else None

    def audited_provider(self, request: HttpRequest, obj: Any) -> Provider | None:  # noqa: ARG002 - of `AuditedAdmin`
        """That of the object; a package is of no provider."""
        of: Provider | None = obj if isinstance(obj, Provider) else getattr(obj, "provider", None)
        return of

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False


class ProviderModelAdmin(AuditedAdmin, PlainNumbersMixin, ModelAdmin):  # type: ignore[misc] # untyped base class
    """The admin of a model in provider schemas, with permissions inside a provider only."""

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """The row; outside of a provider there is none, and no table to look in."""
        if working_provider(request) is None:
            return None
        return super().get_object(request, object_id, from_field)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return working_provider(request) is not None and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Django's permission, inside a provider."""
        return working_provider(request) is not None and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - inlines pass it
        """Django's permission, inside a provider."""
        return working_provider(request) is not None and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Django's permission, inside a provider."""
        return working_provider(request) is not None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Django's permission, inside a provider."""
        return working_provider(request) is not None and super().has_delete_permission(request, obj)


class ChangeOnlyModelAdmin(ProviderModelAdmin):
    """Rows that the product or a person of the provider makes: changed, never added or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False
