"""The forms of a case: submit it, also without signing in, and add to it."""

from django import forms

from core.text import plain_lines, plain_text
from tenants.cases.cases import LONGEST_TEXT


class MessageForm(forms.Form):
    """A message of a case."""

    text = forms.CharField(
        max_length=LONGEST_TEXT,
        label="Message",
        validators=[plain_lines],
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class CaseForm(MessageForm):
    """A new case."""

    field_order = ("name", "email", "subject", "text")

    subject = forms.CharField(max_length=150, validators=[plain_text])


class VisitorCaseForm(CaseForm):
    """A case of a person who is not signed in.

    People leave `website` empty, which they don't see; programs that fill every field don't.
    """

    name = forms.CharField(
        max_length=200,
        label="Your name",
        validators=[plain_text],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label="Your e-mail address", widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    website = forms.CharField(
        required=False,
        max_length=200,
        label="Leave this empty",
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )
