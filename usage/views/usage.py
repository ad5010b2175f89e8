"""Usage and caps of every organization, on two pages; the cap dialog above each of them."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.paginator import Page
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Lower
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.given import Given
from core.listing import ROWS_PER_PAGE, Listing, Rows
from core.metrics import Metric
from core.months import Month
from core.names import name_key
from core.remembered import remembered
from core.replica import reads_replica
from core.templating.addresses import querystring
from tenants.access import organization_or_404
from tenants.bulk.actions import Start, change_one
from tenants.bulk.offers import offers
from tenants.bulk.refusals import Refused
from tenants.forms import CapForm, Choice
from tenants.models import BulkAction, MeteringPolicy, Organization
from tenants.views.bulk import announce, begin
from usage.cap_badges import badge, limit_reached, near_limit
from usage.ledger.month_peaks import organizations_with_usage
from usage.models import OrganizationCounter

SORTS = ("name", "last_month_hwm", "users", "devices", "this_month_hwm", "user_cap", "room")
FILTERS = ("reached", "near", "capped", "uncapped")


@dataclass(frozen=True, slots=True)
class UsagePage:
    """A page with the list: its URL names, and its templates, of which `table` is for htmx."""

    name: str
    edit: str
    bulk: str
    template: str
    table: str

    @property
    def target(self) -> str:
        """The id of the part of the page that htmx replaces."""
        return self.name


USAGE_PAGE = UsagePage(
    "usage", "cap_edit", "usage_bulk", template="usage/usage.html", table="usage/_usage.html"
)
CAPS_PAGE = UsagePage(
    "caps", "caps_edit", "caps_bulk", template="usage/caps.html", table="usage/_caps.html"
)


class Row(NamedTuple):
    """An organization on the page."""

    pk: int
    name: str
    last_month_hwm: int
    users: int
    devices: int
    this_month_hwm: int
    user_cap: int | None

    def room(self, free_user_limit: int | None) -> int | None:
        """The users who can be added before the cap or the free allowance; None for any number."""
        limits = [limit for limit in (self.user_cap, free_user_limit) if limit is not None]
        return max(0, min(limits) - self.users) if limits else None


def _organizations(
    listing: Listing, *, month: Month, free_user_limit: int | None, search: str | Given = ""
) -> QuerySet[Organization]:
    """`search`, a key of names, in place of that of the listing, which is empty then."""
    rows = organizations_with_usage(month=month).alias(room=F("user_cap") - F("users"))
    if search or listing.search:
        rows = rows.filter(name_key__contains=search or name_key(listing.search))
    if listing.filter == "reached":
        rows = rows.filter(limit_reached(free_user_limit=free_user_limit))
    elif listing.filter == "near":
        rows = rows.filter(near_limit(free_user_limit=free_user_limit))
    elif listing.filter:
        rows = rows.filter(user_cap__isnull=listing.filter == "uncapped")
    column = listing.sort.removeprefix("-")
    key = Lower("name") if column == "name" else F(column)
    # No cap sorts as the highest one.
    order = key.desc(nulls_first=True) if listing.sort[0] == "-" else key.asc(nulls_last=True)
    return rows.order_by(order, "pk")


@remembered
def _rows_from(
    listing: Listing,
    offset: int,
    *,
    is_searched: bool,
    month: Month,
    free_user_limit: int | None,
) -> QuerySet[Organization, Any]:
    rows = _organizations(
        listing,
        month=month,
        free_user_limit=free_user_limit,
        search=Given("search", TextField()) if is_searched else "",
    )
    return rows.values_list(*Row._fields)[offset : offset + ROWS_PER_PAGE]


def _listing(request: PortalRequest) -> tuple[Listing, Month, int | None]:
    listing = Listing.of(request, sorts=SORTS, default_sort="name", filters=FILTERS)
    now = timezone.now()
    month = Month.of(now, request.provider.billing_zone())
    free_user_limit = MeteringPolicy.objects.free_user_limit_at(now)
    return listing, month, free_user_limit


def _page(listing: Listing, *, month: Month, free_user_limit: int | None) -> Page[Row]:
    def count() -> int:
        return _organizations(listing, month=month, free_user_limit=free_user_limit).count()

    def read(offset: int) -> Rows[Row]:
        statement = _rows_from(
            replace(listing, search="", page=""),
            offset,
            is_searched=bool(listing.search),
            month=month,
            free_user_limit=free_user_limit,
        )
        found = [Row(*row) for row in statement.rows(search=name_key(listing.search))]
        return Rows.counted(found, offset, count)

    return listing.read_page(read)[1]


def _context(request: PortalRequest, here: UsagePage) -> dict[str, Any]:
    listing, month, free_user_limit = _listing(request)
    page = _page(listing, month=month, free_user_limit=free_user_limit)
    query = request.GET.urlencode()
    return {
        "listing": listing,
        "page": page,
        "here": here,
        "list_url": reverse(here.name),
        "rows": [
            (
                row,
                badge(users=row.users, cap=row.user_cap, free_user_limit=free_user_limit),
                row.room(free_user_limit),
            )
            for row in page.object_list
        ],
        "month": month.first_day,
        "last_month": month.previous.first_day,
        "zone": request.provider.billing_zone(),
        "free_user_limit": free_user_limit,
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
        "offers": [
            offer
            for offer in offers(BulkAction.Kind.ORGANIZATIONS, user=request.user, is_own=False)
            if offer.verb == BulkAction.Verb.SET_CAP
        ],
        "bulk_url": reverse(here.bulk),
        "query": f"?{query}" if query else "",
        "organizations_url": reverse("organization_list"),
    }


@requires(Permission.VIEW_USAGE)
@require_safe
def usage(request: PortalRequest) -> HttpResponse:
    """The usage page; only its table for htmx."""
    return _list_page(request, USAGE_PAGE)


@requires(Permission.CHANGE_CAPS)
@require_safe
def caps(request: PortalRequest) -> HttpResponse:
    """The current cap of each organization with the room below it; only the table for htmx."""
    return _list_page(request, CAPS_PAGE)


def _list_page(request: PortalRequest, here: UsagePage) -> HttpResponse:
    template = here.table if request.htmx.target == here.target else here.template
    return render(request, template, _context(request, here))


@requires(Permission.CHANGE_CAPS)
@require_POST
def usage_bulk(request: PortalRequest, here: UsagePage = USAGE_PAGE) -> HttpResponse:
    """Begin a change of the caps of the selected organizations, or of all that match."""
    listing, month, free_user_limit = _listing(request)
    rows = _organizations(listing, month=month, free_user_limit=free_user_limit)
    back_url = f"{reverse(here.name)}{querystring(request)}"
    return begin(request, kind=BulkAction.Kind.ORGANIZATIONS, rows=rows, back_url=back_url)


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def usage_csv(request: PortalRequest) -> HttpResponseBase:
    """All matching organizations, in the order of the page."""
    listing, month, free_user_limit = _listing(request)
    organizations = _organizations(listing, month=month, free_user_limit=free_user_limit)
    header = (
        "Organization",
        f"Last month's HWM ({month.previous})",
        "Users",
        "Devices",
        f"Current HWM ({month})",
        "User cap",
        "Badge",
    )
    rows = (
        (
            *(name, last_month, users, devices, this_month, "" if cap is None else cap),
            badge(users=users, cap=cap, free_user_limit=free_user_limit),
        )
        for _, name, last_month, users, devices, this_month, cap in organizations.values_list(
            *Row._fields
        ).iterator()
    )
    return table_download(request, name=f"usage-{month}", header=header, rows=rows)


def _set_cap(
    request: PortalRequest, organization: Organization, cap: int | None, back_url: str
) -> None:
    """Set the cap as an action of one row, which can be undone, and say so."""
    text = "No User Cap" if cap is None else f"{cap:,} users"
    text = f"User cap of {organization.name}: {text}."
    kind, verb = BulkAction.Kind.ORGANIZATIONS, BulkAction.Verb.SET_CAP
    start = Start(kind, verb, actor_of(request), back_url, options={"cap": cap})
    pk, now = organization.pk, timezone.now()
    try:
        action = change_one(start=start, subject_id=pk, organization_id=pk, now=now)
    except Refused:  # it has this cap already
        messages.success(request, text)
    else:
        announce(request, action, text)


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def cap_edit(
    request: PortalRequest, organization_id: int, here: UsagePage = USAGE_PAGE
) -> HttpResponse:
    """The cap dialog, over one of the pages with its search and filter."""
    organization = organization_or_404(organization_id=organization_id)
    back_url = reverse(here.name)
    if query := request.GET.urlencode():
        back_url = f"{back_url}?{query}"
    if request.method == "POST":
        form = CapForm(request.POST)
        if form.is_valid():
            _set_cap(request, organization, form.user_cap, back_url)
            return redirect(back_url)
    else:
        cap = organization.user_cap
        choice = Choice.NO_CAP if cap is None else Choice.CAPPED
        form = CapForm(initial={"choice": choice, "cap": cap})
    dialog = {
        "form": form,
        "organization": organization,
        "users": OrganizationCounter.objects.get(
            organization=organization, metric=Metric.USERS
        ).count,
        "back_url": back_url,
    }
    status = 422 if form.is_bound else 200
    if request.htmx.target == "dialog-slot":
        return render(request, "usage/_cap_dialog.html", dialog, status=status)
    return render(request, "usage/cap_edit.html", _context(request, here) | dialog, status=status)
