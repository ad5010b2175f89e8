"""Actions on many rows: begun by a list, confirmed with their effect on the bill, undone."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.plain_numbers import plain_id
from core.scope import visible_organizations
from tenants.access import own_organization_or_404
from tenants.bulk.actions import (
    MOST_AT_ONCE,
    AlreadyDecided,
    NothingChosen,
    Start,
    TooManyChosen,
    can_be_undone,
    choose,
    confirm,
    discard,
    undo,
)
from tenants.bulk.effects import Effect, bill_so_far, effect_of_move, effect_of_undo
from tenants.bulk.named_rows import named_rows
from tenants.bulk.offers import offer_of
from tenants.bulk.wording import CONSEQUENCES, done_text, title, undone_text
from tenants.forms import CapForm, MoveForm, TagForm
from tenants.models import BulkAction, BulkItem, Organization
from tenants.users.new_peak import BillsOf, NewPeakOf

Kind, Verb, State = BulkAction.Kind, BulkAction.Verb, BulkAction.State
FORMS: dict[str, type[forms.Form]] = {
    Verb.MOVE: MoveForm,
    Verb.SET_CAP: CapForm,
    Verb.TAG: TagForm,
    Verb.UNTAG: TagForm,
}
DECIDED = "This was decided meanwhile."
LISTED = 20
MOST_SUGGESTED = 200


def begin(
    request: PortalRequest,
    *,
    kind: BulkAction.Kind,
    rows: QuerySet[Any],
    back_url: str,
    own: Organization | None = None,
) -> HttpResponse:
    """Fix the chosen rows for the requested action and lead to its confirmation.

    `rows` are all that match the list; those that are ticked are taken, or all of them. Raises
    PermissionDenied for an action that the person may not take.
    """
    verb = request.POST.get("verb", "")
    offer = offer_of(kind, verb, user=request.user, is_own=own is not None)
    if offer is None:
        raise PermissionDenied("You don't have permission to do this.")
    if "all" not in request.POST:
        rows = rows.filter(pk__in=picked(request))
    start = Start(kind, offer.verb, actor_of(request), back_url, own)
    try:
        action = choose(start=start, rows=rows, now=timezone.now())
    except NothingChosen:
        messages.info(request, f"Nothing was changed: no {kind.removesuffix('s')} is selected.")
        return redirect(back_url)
    except TooManyChosen:
        text = f"Select at most {MOST_AT_ONCE:,} {kind} at once. Narrow the list by a search."
        messages.warning(request, text)
        return redirect(back_url)
    return redirect(action_url(action))


def picked(request: PortalRequest) -> list[int]:
    """The ids of the ticked rows."""
    numbers = (plain_id(text) for text in request.POST.getlist("pick")[:MOST_AT_ONCE])
    return [number for number in numbers if number is not None]


def action_url(action: BulkAction, step: str = "") -> str:
    """The address of an action, or of a step of it."""
    name = f"bulk_{step}" if step else "bulk_action"
    return reverse(f"own_{name}" if action.organization_id else name, args=[action.pk])


def announce(request: PortalRequest, action: BulkAction, text: str = "") -> None:
    """Say in a toast what was done, with a button that undoes it where that is possible."""
    tags = ""
    if can_be_undone(action, now=timezone.now()):
        tags = f"undo {action_url(action, 'undo')}"
    messages.success(request, text or done_text(action), extra_tags=tags)


def _action_or_404(request: PortalRequest, action_id: int, *, is_own: bool) -> BulkAction:
    """The action, if the person started it; on an organization's own pages, on these."""
    actions = BulkAction.objects.filter(pk=action_id, started_by_id=request.user.pk)
    if is_own:
        actions = actions.filter(organization=own_organization_or_404(request))
    action = actions.first()
    if action is None:
        raise Http404
    return action


def _require_offer(request: PortalRequest, action: BulkAction, *, is_own: bool) -> None:
    """Raise PermissionDenied if rights were taken away since the rows were chosen."""
    offer = offer_of(Kind(action.kind), action.verb, user=request.user, is_own=is_own)
    ids = visible_organizations()
    touched = set(action.items.values_list("organization_id", flat=True)) if ids else set()
    if offer is None or (ids is not None and not touched <= ids):
        raise PermissionDenied("You don't have permission to do this.")


@require_http_methods(["GET", "HEAD", "POST"])
def bulk_action(
    request: PortalRequest,
    bulk_action_id: int,
    new_peak: NewPeakOf,
    bills_after: BillsOf,
    *,
    is_own: bool,
) -> HttpResponse:
    """One action: its confirmation, its progress, and what became of each row."""
    action = _action_or_404(request, bulk_action_id, is_own=is_own)
    now, form, effect = timezone.now(), _form(request, action), Effect()
    status = HTTPStatus.OK
    if request.method == "POST":
        _require_offer(request, action, is_own=is_own)
        if form is None or form.is_valid():
            effect = _effect(action, form, new_peak, now)
            if not effect.peaks or _seen_peak(request) >= effect.seen_peak:
                return _confirm(request, action, form, now)
        else:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif can_be_undone(action, now=now):
        effect = effect_of_undo(action, new_peak=new_peak, now=now)
    context = _context(request, action, form, effect) | {
        "bill": bill_so_far(
            action, bills_after=bills_after if _sees_money(request) else None, now=now
        )
        if action.state == State.CHOSEN
        else "",
    }
    template = "_bulk_action" if request.htmx.target == "bulk-action" else "bulk_action"
    return render(request, f"tenants/{template}.html", context, status=status)


def _context(
    request: PortalRequest, action: BulkAction, form: forms.Form | None, effect: Effect
) -> dict[str, Any]:
    outcome = BulkItem.Outcome
    refused = [outcome.FAILED, outcome.KEPT]
    return {
        "action": action,
        "title": title(action),
        "consequence": CONSEQUENCES[action.verb],
        "done_text": done_text(action) if action.finished_at else "",
        "form": form,
        "effect": effect,
        "rows": named_rows(action, limit=LISTED) if action.state == State.CHOSEN else [],
        "refused": named_rows(action, outcomes=refused, limit=MOST_AT_ONCE),
        "can_undo": can_be_undone(action, now=timezone.now()),
        "action_url": action_url(action),
        "discard_url": action_url(action, "discard"),
        "undo_url": action_url(action, "undo"),
        "names": _names() if action.verb == Verb.MOVE else [],
        "sees_money": _sees_money(request),
        "zone": request.provider.billing_zone(),
    }


def _names() -> QuerySet[Organization, str]:
    names = Organization.objects.visible().order_by("name").values_list("name", flat=True)
    return names[:MOST_SUGGESTED]


def _sees_money(request: PortalRequest) -> bool:
    return request.user.may(Permission.VIEW_BILLING)


def _form(request: PortalRequest, action: BulkAction) -> forms.Form | None:
    made: Callable[..., forms.Form] | None = FORMS.get(action.verb)
    if made is None or action.state != State.CHOSEN:
        return None
    return made(request.POST if request.method == "POST" else None)


def _effect(
    action: BulkAction, form: forms.Form | None, new_peak: NewPeakOf, now: datetime
) -> Effect:
    if action.verb != Verb.MOVE or form is None:
        return Effect()
    to = form.cleaned_data["organization"]
    return effect_of_move(action, to, new_peak=new_peak, now=now)


def _seen_peak(request: PortalRequest) -> int:
    return plain_id(request.POST.get("seen_peak", "")) or 0


def _options(action: BulkAction, form: forms.Form | None) -> dict[str, Any]:
    if form is None:
        return {}
    if isinstance(form, CapForm):
        return {"cap": form.user_cap}
    if action.verb == Verb.MOVE:
        to = form.cleaned_data["organization"]
        return {"organization": to.pk, "organization_name": to.name}
    return {"tag": form.cleaned_data["tag"]}


def _confirm(
    request: PortalRequest, action: BulkAction, form: forms.Form | None, now: datetime
) -> HttpResponse:
    try:
        action = confirm(action=action, options=_options(action, form), now=now)
    except AlreadyDecided:
        messages.info(request, DECIDED)
        return redirect(action_url(action))
    if action.is_working or action.failed:
        return redirect(action_url(action))
    announce(request, action)
    return redirect(action.back_url)


@require_POST
def bulk_discard(request: PortalRequest, bulk_action_id: int, *, is_own: bool) -> HttpResponse:
    """Change nothing."""
    action = _action_or_404(request, bulk_action_id, is_own=is_own)
    try:
        discard(action=action)
    except AlreadyDecided:
        messages.info(request, DECIDED)
        return redirect(action_url(action))
    return redirect(action.back_url)


@require_POST
def bulk_undo(
    request: PortalRequest, bulk_action_id: int, new_peak: NewPeakOf, *, is_own: bool
) -> HttpResponse:
    """Undo the action; a new peak is confirmed first, on its page."""
    action = _action_or_404(request, bulk_action_id, is_own=is_own)
    _require_offer(request, action, is_own=is_own)
    now = timezone.now()
    effect = effect_of_undo(action, new_peak=new_peak, now=now)
    if effect.peaks and _seen_peak(request) < effect.seen_peak:
        return redirect(action_url(action))
    try:
        action = undo(action=action, now=now)
    except AlreadyDecided:
        messages.info(request, "It can't be undone any more.")
        return redirect(action_url(action))
    kept = action.items.filter(outcome=BulkItem.Outcome.KEPT).count()
    if action.is_working or kept:
        return redirect(action_url(action))
    messages.success(request, undone_text(action, action.done))
    return redirect(action.back_url)
