"""Cap what-if: a draft set of caps, and what it would have blocked and saved."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.pages.cap_simulation import blocked_chart, exposure_text, month_rows, saved_text
from billing.planning.cap_simulation import exposure, money_saved
from core.csv_files import csv_response
from core.listing import ROWS_PER_PAGE, Listing
from core.months import Month
from tenants.access import organization_or_404
from tenants.models import Organization
from usage.cap_simulation.drafts import draft_of, put
from usage.cap_simulation.input import NotACap, read_cap
from usage.cap_simulation.simulation import SimulatedCap, blocked_by_month, simulate_caps
from usage.formatting import counted_noun
from usage.models import DraftCap

SORTS = ("name", "mark", "highest", "cap", "blocked")
FILTERS = ("draft", "blocked", "uncapped")
NO_CONTENT = 204
PREFIX = "cap-"
_CAP_FIELD = re.compile(f"{PREFIX}[0-9]{{1,18}}")
UNPROCESSABLE = 422
_UNCAPPED = 10**9


@dataclass(frozen=True, slots=True)
class Row:
    """One organization: its past, its cap in force, what is drafted, and a mistake typed."""

    past: SimulatedCap
    cap: int | None
    draft: DraftCap | None
    typed: str = ""
    mistake: str = ""

    @property
    def blocked(self) -> int:
        """Additions of twelve months that the draft would have refused."""
        return len(self.past.blocked)


_KEYS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.past.name.casefold(),
    "mark": lambda row: row.past.users[-1],
    "highest": lambda row: row.past.highest,
    "cap": lambda row: row.cap or _UNCAPPED,
    "blocked": lambda row: row.blocked,
}


@dataclass(frozen=True, slots=True)
class Drafted:
    """An administrator's draft beside the past that it is tried on."""

    drafts: dict[int, DraftCap]
    caps: dict[int, int | None]
    months: tuple[Month, ...]
    pasts: list[SimulatedCap]
    zone: ZoneInfo

    @classmethod
    def of(cls, request: PortalRequest) -> "Drafted":
        """The draft of who asks, replayed."""
        zone = request.provider.billing_zone()
        drafts = draft_of(user_id=request.user.pk)
        caps = dict(Organization.objects.visible().values_list("pk", "user_cap"))
        months, pasts = simulate_caps(
            caps={pk: draft.cap for pk, draft in drafts.items()}, now=timezone.now(), zone=zone
        )
        return cls(drafts, caps, months, pasts, zone)

    @property
    def caps_after(self) -> dict[int, int | None]:
        """The caps in force if the draft were applied."""
        return {
            pk: self.drafts[pk].cap if pk in self.drafts else cap for pk, cap in self.caps.items()
        }


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_simulation(request: PortalRequest) -> HttpResponse:
    """The draft and its outcome; posted caps of the shown rows are kept."""
    if request.method != "POST":
        return _render(request, typed={}, mistakes={})
    typed = {
        int(name.removeprefix(PREFIX)): str(text).strip()
        for name, text in request.POST.items()
        if _CAP_FIELD.fullmatch(name)
    }
    caps, kept, mistakes = _read(typed)
    if mistakes and not request.htmx:
        return _render(request, typed=typed, mistakes=mistakes)
    with_cap = put(user_id=request.user.pk, caps=caps)
    DraftCap.objects.of(user_id=request.user.pk).filter(organization_id__in=kept).delete()
    if request.htmx:
        # While it is typed: what can be read is kept, the form itself tells mistakes.
        return HttpResponse(status=NO_CONTENT)
    said = counted_noun(with_cap, "caps")
    messages.success(request, f"Kept: {said} of this page differ from what is in force.")
    return redirect(_here(request.GET))


def _read(typed: dict[int, str]) -> tuple[dict[int, int | None], list[int], dict[int, str]]:
    """Caps that were typed, organizations left as they are, and mistakes."""
    caps: dict[int, int | None] = {}
    mistakes: dict[int, str] = {}
    for pk, text in typed.items():
        if not text:
            continue
        try:
            caps[pk] = read_cap(text)
        except NotACap as mistake:
            mistakes[pk] = str(mistake)
    return caps, [pk for pk, text in typed.items() if not text], mistakes


def _here(query: QueryDict) -> str:
    return (
        f"{reverse('cap_simulation')}?{query.urlencode()}" if query else reverse("cap_simulation")
    )


def _render(
    request: PortalRequest, *, typed: dict[int, str], mistakes: dict[int, str]
) -> HttpResponse:
    listing = Listing.of(request, sorts=SORTS, default_sort="name", filters=FILTERS)
    drafted = Drafted.of(request)
    page = Paginator(_rows(drafted, listing), ROWS_PER_PAGE).get_page(listing.page)
    rows = [
        Row(
            row.past,
            row.cap,
            row.draft,
            typed.get(row.past.organization_id, _text(row.draft)),
            mistakes.get(row.past.organization_id, ""),
        )
        for row in page.object_list
    ]
    context: dict[str, Any] = {
        "listing": listing,
        "page": page,
        "rows": rows,
        "drafted": len(drafted.drafts),
        "here": _here(request.GET),
        "month": drafted.months[-1].first_day,
        "zone": drafted.zone.key,
    }
    if request.htmx.target == "what-if":
        return render(request, "billing/_cap_simulation.html", context)
    context |= _outcome(drafted)
    status = UNPROCESSABLE if mistakes else 200
    return render(request, "billing/cap_simulation.html", context, status=status)


def _text(draft: DraftCap | None) -> str:
    if draft is None:
        return ""
    return "none" if draft.cap is None else str(draft.cap)


def _rows(drafted: Drafted, listing: Listing) -> list[Row]:
    words = listing.search.casefold()
    rows = [
        Row(past, drafted.caps[past.organization_id], drafted.drafts.get(past.organization_id))
        for past in drafted.pasts
        if past.organization_id in drafted.caps and words in past.name.casefold()
    ]
    if listing.filter == "draft":
        rows = [row for row in rows if row.draft]
    elif listing.filter == "blocked":
        rows = [row for row in rows if row.blocked]
    elif listing.filter == "uncapped":
        rows = [row for row in rows if row.cap is None]
    key = _KEYS[listing.sort.removeprefix("-")]
    return sorted(rows, key=key, reverse=listing.sort.startswith("-"))


def _outcome(drafted: Drafted) -> dict[str, Any]:
    """What the draft would have done, and the most that this month can cost with it."""
    month, zone = drafted.months[-1], drafted.zone
    in_force = exposure(month=month, pasts=drafted.pasts, caps=drafted.caps)
    outcome: dict[str, Any] = {"exposure_now": exposure_text(in_force)}
    if not drafted.drafts:
        return outcome
    blocked = blocked_by_month(drafted.pasts, months=drafted.months, zone=zone)
    saved = money_saved(months=drafted.months, pasts=drafted.pasts, blocked=blocked)
    days = {each.at.astimezone(zone).date() for past in drafted.pasts for each in past.blocked}
    after = exposure(month=month, pasts=drafted.pasts, caps=drafted.caps_after)
    return outcome | {
        "blocked": sum(blocked),
        "blocked_days": len(days),
        "saved": saved_text(saved),
        "months": month_rows(saved),
        "exposure_draft": exposure_text(after),
        "chart": blocked_chart(saved),
    }


@requires(Permission.CHANGE_CAPS)
@require_safe
def cap_simulation_csv(request: PortalRequest) -> HttpResponse:
    """Every addition of the last twelve months that the draft would have refused."""
    drafted = Drafted.of(request)
    rows = (
        (
            past.organization_id,
            past.name,
            drafted.drafts[past.organization_id].cap,
            f"{each.at.astimezone(drafted.zone):%Y-%m-%d %H:%M:%S}",
            each.subject_name,
        )
        for past in drafted.pasts
        for each in past.blocked
    )
    header = ("Organization ID", "Organization", "Draft cap", f"At ({drafted.zone.key})", "User")
    return csv_response(filename="blocked-additions.csv", header=header, rows=rows)


@requires(Permission.CHANGE_CAPS)
@require_safe
def cap_simulation_organization(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The additions of one organization that the draft would have refused, day by day."""
    organization = organization_or_404(organization_id=organization_id)
    drafted = Drafted.of(request)
    past = next(one for one in drafted.pasts if one.organization_id == organization.pk)
    context = {
        "organization": organization,
        "draft": drafted.drafts.get(organization.pk),
        "past": past,
        "page": Paginator(past.blocked[::-1], ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "months": [
            (month.first_day, actual, under)
            for month, actual, under in zip(drafted.months, past.users, past.drafted, strict=True)
        ],
        "zone": drafted.zone.key,
    }
    return render(request, "billing/cap_simulation_organization.html", context)
