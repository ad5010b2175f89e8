"""Operations' page of a provider's cases: read them, answer, close."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import linebreaks_filter
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.operations import ChangeOnlyModelAdmin
from accounts.providers import current_provider
from core.actors import actor_of
from core.text import plain_lines
from tenants.cases.cases import LONGEST_TEXT, answer
from tenants.models import SupportCase


class AnswerForm(forms.ModelForm):  # type: ignore[type-arg] # not generic at run time
    """An answer, which is mailed to the person."""

    text = forms.CharField(
        max_length=LONGEST_TEXT,
        label="Answer",
        validators=[plain_lines],
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Mailed to the person, and kept with the case.",
    )
    closes = forms.BooleanField(required=False, label="Close the case with this answer")

    class Meta:
        model = SupportCase
        fields = ()


@admin.register(SupportCase)
class SupportCaseAdmin(ChangeOnlyModelAdmin):
    """Cases are answered, never changed or deleted."""

    form = AnswerForm
    list_display = ("__str__", "state", "opened_by_name", "opened_at", "changed_at")
    list_filter = ("state",)
    ordering = ("-changed_at", "-id")
    readonly_fields = ("subject", "state", "opened_by_name", "opened_by_email", "conversation")
    fields = (*readonly_fields, "text", "closes")

    @admin.display(description="Messages")
    def conversation(self, case: SupportCase) -> SafeString:
        """Each message with its author, the oldest first."""
        return format_html_join(
            "",
            "<p><strong>{}</strong>, {}</p>{}",
            (
                (
                    one.author_name,
                    f"{one.at:%-d %b %Y, %H:%M} UTC",
                    linebreaks_filter(one.text),
                )
                for one in case.messages.all()
            ),
        )

    def save_model(
        self,
        request: HttpRequest,
        obj: SupportCase,
        form: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Call the domain, which mails the answer."""
        answer(
            provider=current_provider(),
            case=obj,
            text=form.cleaned_data["text"],
            closes=form.cleaned_data["closes"],
            actor=actor_of(request),
            now=timezone.now(),
        )
