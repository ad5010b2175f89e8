"""Users of an organization who are one person: listed, and merged after a look at the effect."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.months import Month
from tenants.users.doubles import Double, doubles
from tenants.users.membership import AlreadyThere
from tenants.users.merging import Merge, NoDoubles, merge_users
from tenants.views.organization_scope import OrganizationScope, scoped
from usage.ledger.merged_marks import marks_after

EARLIER, LATER = "earlier", "later"
GONE = "These users are no doubles any more."
TAKEN = "A third user has this address. Merge that one first, or keep the other address."


class MergeForm(forms.Form):
    """The address that the merged user keeps."""

    address = forms.ChoiceField(widget=forms.RadioSelect, label="Address to keep")

    def __init__(self, *args: object, double: Double, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # passed on as given
        field = self.fields["address"]
        field.choices = [(LATER, double.later.email), (EARLIER, double.earlier.email)]  # type: ignore[attr-defined] # a choice field
        has_id = double.earlier.external_id and not double.later.external_id
        field.initial = EARLIER if has_id else LATER
        field.help_text = "The other one still finds the user."


@require_safe
@scoped
def double_list(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """Pairs of users who are one person."""
    context = scope.context(
        doubles=doubles(organization_id=scope.organization.pk),
        list_url=scope.url("user_list"),
        zone=request.provider.billing_zone(),
    )
    return render(request, "usage/doubles.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def user_merge(
    request: PortalRequest, scope: OrganizationScope, earlier_id: int, later_id: int
) -> HttpResponse:
    """Say what the merge does to the open months, then merge."""
    double = _double_or_404(scope, earlier_id, later_id)
    form = MergeForm(request.POST or None, double=double)
    actor, now, status = actor_of(request), timezone.now(), HTTPStatus.OK
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if form.is_valid():
            try:
                merge = Merge(double, form.cleaned_data["address"] == EARLIER)
                user = merge_users(merge=merge, actor=actor, now=now)
            except (AlreadyThere, NoDoubles) as refusal:
                form.add_error(None, TAKEN if isinstance(refusal, AlreadyThere) else GONE)
                status = HTTPStatus.CONFLICT
            else:
                messages.success(request, f"{user} is one user now.")
                return redirect(scope.url("double_list"))
    merge = Merge(double, keeps_earlier_address=False)
    running = Month.of(now, request.provider.billing_zone())
    context = scope.context(
        double=double,
        form=form,
        marks=marks_after(merge=merge, running=running, actor=actor, now=now),
        running=running,
        removed_at=merge.removed_at,
        back_url=scope.url("double_list"),
        zone=request.provider.billing_zone(),
    )
    return render(request, "usage/user_merge.html", context, status=status)


def _double_or_404(scope: OrganizationScope, earlier_id: int, later_id: int) -> Double:
    for double in doubles(organization_id=scope.organization.pk):
        if (double.earlier.pk, double.later.pk) == (earlier_id, later_id):
            return double
    raise Http404
