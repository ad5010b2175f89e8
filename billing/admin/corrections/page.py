"""How operations make a correction: the form, then what it will do, then the act."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from billing.admin.base import BillingAdmin
from billing.admin.corrections.forms import CorrectionForm
from billing.payments.balance_lock import CorrectionRefused
from core.actors import Actor, actor_of


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """One correction of a record: how it is called, asked for and done.

    `act` takes the valid form, and gives what to tell; `is_offered` looks at the record.
    """

    title: str
    button: str
    effect: str
    form: type[CorrectionForm]
    act: Callable[[Any, Any, Actor, datetime], str]
    is_offered: Callable[[Any], bool]
    is_final: bool = True


class CorrectingAdmin(BillingAdmin):
    """A record that is never changed by hand, and is corrected on pages of its own."""

    change_form_outer_before_template = "admin/billing/corrections.html"
    corrections: Mapping[str, CorrectionPage] = {}

    def get_urls(self) -> list[URLPattern]:
        """The admin's own, and one page for each correction."""
        own = [
            path(
                f"<int:pk>/{verb}/",
                self.admin_site.admin_view(partial(_correct, self, verb)),
                name=self.url_name(verb),
            )
            for verb in self.corrections
        ]
        return [*own, *super().get_urls()]

    def url_name(self, verb: str) -> str:
        """The name of a correction's address, without the admin's namespace."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{verb.replace('-', '_')}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The record, with the corrections that are possible now."""
        found = self.get_object(request, object_id)
        offered = [
            (page.title, reverse(f"admin:{self.url_name(verb)}", args=[found.pk]))
            for verb, page in self.corrections.items()
            if found is not None and self.may_correct(request) and page.is_offered(found)
        ]
        context = {
            **(extra_context or {}),
            "corrections": offered,
            "figures": self.figures(found) if found else [],
        }
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def may_correct(self, request: HttpRequest) -> bool:
        """Whoever may change records of this kind, inside a provider."""
        may = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return self.has_view_permission(request) and request.user.has_perm(may)

    def figures(self, found: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - for those that have any
        """What a person decides by: pairs of name and text."""
        return []


def _correct(
    record_admin: CorrectingAdmin, verb: str, request: HttpRequest, pk: int
) -> HttpResponse:
    return _page(request, record_admin=record_admin, page=record_admin.corrections[verb], pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def _page(
    request: HttpRequest, *, record_admin: CorrectingAdmin, page: CorrectionPage, pk: int
) -> HttpResponse:
    if not record_admin.may_correct(request):
        raise PermissionDenied
    found = get_object_or_404(record_admin.model, pk=pk)
    back = reverse(
        f"admin:{record_admin.opts.app_label}_{record_admin.opts.model_name}_change", args=[pk]
    )
    if not page.is_offered(found):
        messages.error(request, f"{page.title}: not possible for {found} any more.")
        return redirect(back)
    form = page.form(request.POST or None, subject=found)
    is_confirming = request.method == "POST" and form.is_valid() and "change" not in request.POST
    if is_confirming and "confirmed" in request.POST:
        try:
            told = page.act(form, found, actor_of(request), timezone.now())
        except CorrectionRefused as refusal:
            form.refuse(refusal)
            is_confirming = False
        else:
            messages.success(request, told)
            return redirect(back)
    context = {
        **record_admin.admin_site.each_context(request),
        "title": page.title,
        "page": page,
        "form": form,
        "is_confirming": is_confirming,
        "subject": found,
        "figures": record_admin.figures(found),
        "opts": record_admin.opts,
        "back_url": back,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return TemplateResponse(request, "admin/billing/correction.html", context, status=status)
