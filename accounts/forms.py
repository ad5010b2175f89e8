"""Forms of one's own account."""

from typing import ClassVar

from django import forms

from accounts.models import User


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """One's own name, as others see it."""

    class Meta:
        model = User
        fields = ("name",)
        help_texts: ClassVar = {"name": "Shown to your colleagues and in the audit log."}
