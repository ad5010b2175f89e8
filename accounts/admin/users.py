"""The admin of logins: administrators of providers and operations staff."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import User
from accounts.operations import PermanentModelAdmin
from accounts.roles import LIMITABLE_ROLES
from accounts.security.sessions import end_all
from accounts.user_rules import lock_people, refuse_losing_the_last
from core.fields import mail_recipient


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """A login without its password, which the person sets by mail."""

    class Meta:
        model = User
        fields = (
            "email",
            "name",
            "provider",
            "role",
            "organization_id",
            "is_staff",
            "is_superuser",
            "is_active",
        )
        help_texts: ClassVar = {
            "organization_id": "Only of an organization admin: the organization's id.",
            "provider": "Empty for operations staff. A login belongs to one provider for good.",
        }

    def clean_email(self) -> str:
        """The clean address. Raises `ValidationError`."""
        return mail_recipient(self.cleaned_data["email"])

    def clean(self) -> dict[str, Any]:
        """The rules across fields, each with its own message."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("is_superuser") and not cleaned.get("is_staff"):
            self.add_error("is_superuser", "Only operations staff have every right.")
        if self.instance.pk and not self.errors:
            before = User.objects.get(pk=self.instance.pk)
            if before.provider_id is not None:
                lock_people(provider_id=before.provider_id)
                before.refresh_from_db()
            for field, text in refuse_losing_the_last(before=before, after=cleaned).items():
                self.add_error(field, text)
        return cleaned


@admin.register(User)
class UserAdmin(PermanentModelAdmin):
    """Logins. They are deactivated and never deleted, because records name them."""

    form = UserForm
    list_display = ("email", "name", "provider", "role", "is_staff", "is_active", "last_login")
    list_filter = ("is_active", "is_staff", "role")
    list_select_related = ("provider",)
    search_fields = ("email", "name")
    ordering = ("email",)
    autocomplete_fields = ("provider",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No list may be narrowed by the hash of a password, letter by letter."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """The provider of an existing login, which never changes."""
        return ("provider",) if obj else ()

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        """Save the login; a new one has no password. Roles that see money are not limited."""
        if not change:
            obj.set_unusable_password()
        if obj.role not in LIMITABLE_ROLES:
            obj.limited_to = None
        super().save_model(request, obj, form, change)
        if change and {"is_active", "role", "is_staff", "is_superuser", "limited_to"} & set(
            form.changed_data
        ):
            end_all(obj)
