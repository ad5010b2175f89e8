"""Cap simulation: a draft of caps, with the additions it would have refused and the savings."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.invoicing.month_plan import plan_month
from billing.planning.cap_simulation import exposure, money_saved, saved_by_currency
from core.listing import ROWS_PER_PAGE, Listing
from core.months import Month
from core.names import reads_like
from core.replica import reads_replica
from core.table_cells import Instant
from tenants.access import organization_or_404
from tenants.models import Organization
from usage.cap_simulation.drafts import Drafted, draft_of, put
from usage.cap_simulation.input import NotACap, read_cap
from usage.cap_simulation.simulation import (
    SimulatedCap,
    blocked_by_day,
    refusals,
    simulate_caps,
)
from usage.formatting import counted_noun
from usage.models import DraftCap
from usage.months_chart import months_chart

SORTS = ("name", "high_water_mark", "highest", "cap", "blocked")
FILTERS = ("draft", "blocked", "uncapped")
NO_CONTENT = 204
PREFIX = "cap-"
_CAP_FIELD = re.compile(f"{PREFIX}[0-9]{{1,18}}")
UNPROCESSABLE = 422
_UNCAPPED = 10**9


@dataclass(frozen=True, slots=True)
class Simulation:
    """An administrator's draft, the caps of now, and the past twelve months under the draft.

    `drafts` and `caps` are by organization id; `caps` has the organizations that exist.
    """

    drafts: dict[int, Drafted]
    caps: dict[int, int | None]
    months: tuple[Month, ...]
    pasts: list[SimulatedCap]
    zone: ZoneInfo

    @classmethod
    def of(cls, request: PortalRequest) -> "Simulation":
        """Simulate the draft of the signed-in administrator."""
        zone = request.provider.billing_zone()
        drafts = draft_of(user_id=request.user.pk)
        caps = dict(Organization.objects.visible().values_list("pk", "user_cap"))
        months, pasts = simulate_caps(
            caps={pk: draft.cap for pk, draft in drafts.items()}, now=timezone.now(), zone=zone
        )
        return cls(drafts, caps, months, pasts, zone)

    def listed(self, listing: Listing) -> list[SimulatedCap]:
        """The existing organizations that match search and filter, in the requested order."""
        matching = [
            past
            for past in self.pasts
            if past.organization_id in self.caps
            and reads_like(listing.search, past.name)
            and self._passes(past, listing.filter)
        ]
        name = listing.sort.removeprefix("-")
        is_descending = listing.sort.startswith("-")
        return sorted(matching, key=lambda past: self._key(past, name), reverse=is_descending)

    def _passes(self, past: SimulatedCap, chosen: str) -> bool:
        match chosen:
            case "draft":
                return past.organization_id in self.drafts
            case "blocked":
                return bool(past.blocked)
            case "uncapped":
                return self.caps[past.organization_id] is None
            case _:
                return True

    def _key(self, past: SimulatedCap, name: str) -> int | str:
        match name:
            case "high_water_mark":
                return past.users[-1]
            case "highest":
                return past.highest
            case "cap":
                return self.caps[past.organization_id] or _UNCAPPED
            case "blocked":
                return len(past.blocked)
            case _:
                return past.name.casefold()


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_simulation(request: PortalRequest) -> HttpResponse:
    """The draft and its outcome; a POST saves the caps of the page's rows in the draft.

    With htmx, each typed cap is saved at once: invalid ones are skipped, because the submitted form
    reports them.
    """
    if request.method != "POST":
        return _render(request, typed={}, mistakes={})
    typed = {
        int(name.removeprefix(PREFIX)): str(text).strip()
        for name, text in request.POST.items()
        if _CAP_FIELD.fullmatch(name)
    }
    caps, mistakes = _read(typed)
    if mistakes and not request.htmx:
        return _render(request, typed=typed, mistakes=mistakes)
    differing = put(user_id=request.user.pk, caps=caps)
    emptied = [pk for pk, text in typed.items() if not text]
    DraftCap.objects.of(user_id=request.user.pk).filter(organization_id__in=emptied).delete()
    if request.htmx:
        return HttpResponse(status=NO_CONTENT)
    messages.success(
        request,
        f"Saved: {counted_noun(differing, 'caps')} of this page differ from the present caps.",
    )
    return redirect(_here(request))


def _read(typed: dict[int, str]) -> tuple[dict[int, int | None], dict[int, str]]:
    """The caps and the mistakes in the typed texts, by organization id; empty texts are neither."""
    caps: dict[int, int | None] = {}
    mistakes: dict[int, str] = {}
    for pk, text in typed.items():
        if not text:
            continue
        try:
            caps[pk] = read_cap(text)
        except NotACap as mistake:
            mistakes[pk] = str(mistake)
    return caps, mistakes


def _here(request: PortalRequest) -> str:
    query = request.GET.urlencode()
    return f"{reverse('cap_simulation')}?{query}" if query else reverse("cap_simulation")


def _render(
    request: PortalRequest, *, typed: dict[int, str], mistakes: dict[int, str]
) -> HttpResponse:
    listing = Listing.of(request, sorts=SORTS, default_sort="name", filters=FILTERS)
    simulation = Simulation.of(request)
    context: dict[str, Any] = {
        "listing": listing,
        "page": Paginator(simulation.listed(listing), ROWS_PER_PAGE).get_page(listing.page),
        "simulation": simulation,
        "typed": typed,
        "mistakes": mistakes,
        "here": _here(request),
    }
    if request.htmx.target == "cap-simulation":
        return render(request, "billing/_cap_simulation.html", context)
    context |= _outcome(simulation)
    status = UNPROCESSABLE if mistakes else 200
    return render(request, "billing/cap_simulation.html", context, status=status)


def _outcome(simulation: Simulation) -> dict[str, Any]:
    """The effect of the draft on the past months, and the most that this month can cost with it."""
    months, pasts, zone = simulation.months, simulation.pasts, simulation.zone
    present, drafts = simulation.caps, simulation.drafts
    plan = plan_month(month=months[-1])
    outcome: dict[str, Any] = {
        "exposure_now": exposure(plan=plan, pasts=pasts, caps=present),
        "saved": [],
    }
    if not drafts:
        return outcome
    by_day = blocked_by_day(pasts, months=months, zone=zone)
    by_month: Counter[Month] = Counter()
    for day, number in by_day.items():
        by_month[Month.of_day(day)] += number
    blocked = [by_month[month] for month in months]
    saved = money_saved(
        months=months,
        pasts=pasts,
        blocked=blocked,
        drafted={pk: draft.cap for pk, draft in drafts.items()},
        zone=zone,
    )
    drafted = {pk: drafts[pk].cap if pk in drafts else cap for pk, cap in present.items()}
    return outcome | {
        "blocked": sum(blocked),
        "blocked_days": len(by_day),
        "saved": saved,
        "saved_by_currency": saved_by_currency(saved),
        "exposure_draft": exposure(plan=plan, pasts=pasts, caps=drafted),
        "chart": months_chart(
            title="Additions that the draft would have refused",
            column="Additions refused",
            months=months,
            values=blocked,
        ),
    }


@requires(Permission.CHANGE_CAPS)
@require_safe
@reads_replica
def cap_simulation_csv(request: PortalRequest) -> HttpResponseBase:
    """Every addition of the last twelve months that the draft would have refused."""
    simulation = Simulation.of(request)
    rows = (
        (
            past.organization_id,
            past.name,
            simulation.drafts[past.organization_id].cap,
            Instant(at, simulation.zone, zone_in_heading=True),
            subject_name,
        )
        for past, at, subject_name in refusals(simulation.pasts)
    )
    header = ("Organization ID", "Organization", "Draft cap", f"At ({simulation.zone.key})", "User")
    return table_download(request, name="blocked-additions", header=header, rows=rows)


@requires(Permission.CHANGE_CAPS)
@require_safe
@reads_replica
def cap_simulation_organization(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The additions of one organization that the draft would have refused, newest first."""
    organization = organization_or_404(organization_id=organization_id)
    simulation = Simulation.of(request)
    past = next(each for each in simulation.pasts if each.organization_id == organization.pk)
    context = {
        "organization": organization,
        "draft": simulation.drafts.get(organization.pk),
        "page": Paginator(refusals([past])[::-1], ROWS_PER_PAGE).get_page(request.GET.get("page")),
        "months": list(zip(simulation.months, past.users, past.drafted, strict=True)),
        "zone": simulation.zone.key,
    }
    return render(request, "billing/cap_simulation_organization.html", context)
