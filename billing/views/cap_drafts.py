"""A draft of caps: filled by a rule or from a list, discarded, renewed, applied."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.pages.cap_simulation_forms import PasteForm, RuleForm
from core.actors import actor_of
from core.listing import ROWS_PER_PAGE
from core.metrics import Metric
from core.names import name_key
from tenants.models import Organization
from tenants.organizations.bulk_caps import CapsChanged, ChangedMeanwhile
from usage.cap_simulation.drafts import NothingDrafted, apply, discard, put, put_by_rule, renew
from usage.cap_simulation.input import read_list
from usage.cap_simulation.simulation import simulate_caps
from usage.formatting import counted_noun
from usage.models import DraftCap, OrganizationCounter

CONFLICT = 409
UNPROCESSABLE = 422
SHOWN_MISTAKES = 20


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_drafts_rule(request: PortalRequest) -> HttpResponse:
    """Draft a cap for many organizations, in percent above a high-water mark."""
    form = RuleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        zone = request.provider.billing_zone()
        _, pasts = simulate_caps(caps={}, now=timezone.now(), zone=zone)
        drafted = put_by_rule(user_id=request.user.pk, rule=form.rule, pasts=pasts)
        messages.success(request, f"Drafted: {counted_noun(drafted, 'caps')}. Nothing is applied.")
        return redirect("cap_simulation")
    status = UNPROCESSABLE if form.is_bound else 200
    return render(request, "billing/cap_drafts_rule.html", {"form": form}, status=status)


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_drafts_paste(request: PortalRequest) -> HttpResponse:
    """Draft the caps of a pasted list, if every line is valid."""
    form = PasteForm(request.POST or None)
    mistakes: tuple[str, ...] = ()
    if request.method == "POST" and form.is_valid():
        names = dict(Organization.objects.visible().values_list("pk", "name"))
        pasted = read_list(
            form.cleaned_data["caps"],
            organizations={name_key(name): pk for pk, name in names.items()},
            ids=names,
        )
        mistakes = pasted.mistakes
        if not mistakes:
            drafted = put(user_id=request.user.pk, caps=pasted.caps)
            messages.success(
                request,
                f"{counted_noun(len(pasted.caps), 'lines')} read; {counted_noun(drafted, 'caps')} "
                "differ. Nothing is applied.",
            )
            return redirect("cap_simulation")
    context = {
        "form": form,
        "mistakes": mistakes[:SHOWN_MISTAKES],
        "more": len(mistakes) - SHOWN_MISTAKES,
    }
    status = UNPROCESSABLE if form.is_bound else 200
    return render(request, "billing/cap_drafts_paste.html", context, status=status)


@requires(Permission.CHANGE_CAPS)
@require_POST
def cap_drafts_discard(request: PortalRequest) -> HttpResponse:
    """Delete the draft."""
    discard(user_id=request.user.pk)
    messages.success(request, "The draft is discarded. No cap changed.")
    return redirect("cap_simulation")


@requires(Permission.CHANGE_CAPS)
@require_POST
def cap_drafts_renew(request: PortalRequest) -> HttpResponse:
    """Keep the drafted caps, to replace the caps of now."""
    drafted = renew(user_id=request.user.pk)
    messages.success(
        request, f"The draft has {counted_noun(drafted, 'caps')} that differ from the present caps."
    )
    return redirect("cap_drafts_apply")


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_drafts_apply(request: PortalRequest) -> HttpResponse:
    """Show every change for confirmation, then apply all of them or none."""
    if request.method != "POST":
        return _confirmation(request, conflicts=(), status=200)
    try:
        changed = apply(user_id=request.user.pk, actor=actor_of(request), now=timezone.now())
    except NothingDrafted:
        messages.info(request, "There is no draft to apply.")
        return redirect("cap_simulation")
    except CapsChanged as refusal:
        return _confirmation(request, conflicts=refusal.conflicts, status=CONFLICT)
    messages.success(request, f"{counted_noun(changed, 'caps')} applied.")
    return redirect("cap_simulation")


def _confirmation(
    request: PortalRequest, *, conflicts: tuple[ChangedMeanwhile, ...], status: int
) -> HttpResponse:
    drafts = DraftCap.objects.of(user_id=request.user.pk).select_related("organization")
    if not drafts.exists():
        messages.info(request, "There is no draft to apply.")
        return redirect("cap_simulation")
    page = Paginator(drafts.order_by("organization__name", "pk"), ROWS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    counters = OrganizationCounter.objects.filter(
        metric=Metric.USERS, organization_id__in=[draft.organization_id for draft in page]
    )
    users = dict(counters.values_list("organization_id", "count"))
    context = {
        "page": page,
        "rows": [(draft, users[draft.organization_id]) for draft in page],
        "conflicts": conflicts,
    }
    return render(request, "billing/cap_drafts_apply.html", context, status=status)
