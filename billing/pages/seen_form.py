"""Forms that are done once, however often they are sent (docs/decisions/0033)."""

from typing import Any

from django import forms


class SeenForm(forms.BaseForm):
    """A form that carries the token of what the person saw (`billing.seen`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"] = forms.CharField(
            widget=forms.HiddenInput, required=False, initial=self.token()
        )

    def token(self) -> str:
        """The token of what the form shows now."""
        raise NotImplementedError


class SeenModelForm(SeenForm, forms.ModelForm):  # type: ignore[type-arg]  # no generic at run time
    """The form of a record in operations' admin."""
