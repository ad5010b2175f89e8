"""The lists of users and devices: of one organization, and of all that the person may see."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.addresses import listed_keys
from core.listing import LONGEST_LIST, Listing
from core.replica import reads_replica
from core.scope import within
from core.search_text import SearchText, search_text
from core.templating.addresses import querystring
from tenants.bulk.offers import Offer, offers
from tenants.forms import DeviceForm, UserForm
from tenants.imports.export import COLUMNS, exported_members, exported_rows
from tenants.models import (
    BulkAction,
    CountedRow,
    Device,
    ImportRun,
    Location,
    ManagedUser,
    Organization,
    UserAlias,
)
from tenants.models.members import DEVICE_TEXT, USER_TEXT
from tenants.views.bulk import begin, picked
from tenants.views.organization_scope import EveryOrganization, OrganizationScope, scoped

Scope = OrganizationScope | EveryOrganization
# Ids in a condition, so that it can use an index beside that of the text.
MOST_IDS = 1_000


@dataclass(frozen=True, slots=True)
class MemberPages:
    """The differences between the pages of users and of devices."""

    model: type[CountedRow]
    form: type[UserForm | DeviceForm]
    kind: ImportRun.Kind
    sorts: dict[str, str]  # to the column; the first is the default
    text: tuple[str, ...]  # the columns that a search looks in
    also_found_by: Callable[[str], Q]
    filters: dict[str, Q]
    has_addresses: bool = False
    joined: tuple[str, ...] = ()

    def addresses(self, listing: Listing) -> list[str]:
        """The keys of the addresses that are searched for, if these are several."""
        keys = listed_keys(listing.search) if self.has_addresses else []
        return keys if len(keys) > 1 else []


def _by_alias(text: str) -> Q:
    """Users with an earlier address or another id."""
    aliases = UserAlias.objects.filter(ended_at=None).alias(searched=SearchText("key"))
    found = aliases.filter(searched__contains=text).values_list("user", flat=True)
    return Q(pk__in=list(found[:MOST_IDS]))


def _by_addresses(keys: list[str]) -> Q:
    """Users with one of these addresses as a whole: a list of leavers finds no other user."""
    # The index is that of parts of an address.
    alike = reduce(or_, (Q(searched__contains=search_text(key)) for key in keys))
    aliases = UserAlias.objects.filter(ended_at=None, key__in=keys).values_list("user", flat=True)
    return Q(alike, address_key__in=keys) | Q(pk__in=list(aliases[:MOST_IDS]))


def _by_location(text: str) -> Q:
    """Devices at a location."""
    locations = Location.objects.alias(searched=SearchText("name"))
    found = locations.filter(searched__contains=text).values_list("pk", flat=True)
    return Q(location__in=list(found[:MOST_IDS]))


IS_LIVING = Q(removed_at=None)
REMOVED = {"removed": Q(removed_at__isnull=False)}
USER_PAGES = MemberPages(
    ManagedUser,
    UserForm,
    kind=ImportRun.Kind.USERS,
    sorts={"email": "address_key", "name": "name", "added_at": "added_at"},
    text=USER_TEXT,
    also_found_by=_by_alias,
    filters={"suspended": IS_LIVING & Q(state=ManagedUser.State.SUSPENDED), **REMOVED},
    has_addresses=True,
)
DEVICE_PAGES = MemberPages(
    Device,
    DeviceForm,
    kind=ImportRun.Kind.DEVICES,
    sorts={"name": "name", "serial_number": "serial_number", "added_at": "added_at"},
    text=DEVICE_TEXT,
    also_found_by=_by_location,
    filters=REMOVED,
    joined=("location",),
)


@require_safe
@scoped
def member_list(
    request: PortalRequest, scope: OrganizationScope, pages: MemberPages
) -> HttpResponse:
    """The organization's users or devices; the living ones without a filter."""
    return _page(request, scope, pages, of=Q(organization=scope.organization))


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def people_list(request: PortalRequest, pages: MemberPages) -> HttpResponse:
    """The users or devices of every organization that the person may see, in one list."""
    of = within("organization") & Q(organization__removed_at=None)
    return _page(request, EveryOrganization.of(request), pages, of=of, joined=("organization",))


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
@reads_replica
def people_export(request: PortalRequest, kind: ImportRun.Kind) -> HttpResponseBase:
    """The present users or devices of these organizations, with the organization of each."""
    return table_download(
        request,
        name=str(kind),
        header=("Organization", *COLUMNS[kind]),
        rows=exported_rows(kind=kind, organization=None),
    )


def _listed(request: PortalRequest, pages: MemberPages, of: Q) -> tuple[Listing, QuerySet[Any]]:
    """The list's parameters, and its rows: the living ones without a filter."""
    listing = Listing.of(
        request,
        sorts=pages.sorts,
        default_sort=next(iter(pages.sorts)),
        filters=pages.filters,
        longest=LONGEST_LIST,
    )
    rows = pages.model.objects.filter(pages.filters.get(listing.filter, IS_LIVING), of)
    if keys := pages.addresses(listing):
        rows = rows.alias(searched=SearchText(*pages.text)).filter(_by_addresses(keys))
    elif text := search_text(listing.search):
        found = Q(searched__contains=text) | pages.also_found_by(text)
        rows = rows.alias(searched=SearchText(*pages.text)).filter(found)
    return listing, rows


@require_POST
@scoped
def member_bulk(
    request: PortalRequest, scope: OrganizationScope, pages: MemberPages
) -> HttpResponseBase:
    """Begin an action on the selected members, or on all that match; or export them."""
    own = scope.organization if scope.is_own else None
    url = scope.url(f"{pages.model.noun}_list")
    return _bulk(request, pages, Q(organization=scope.organization), url, own)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def people_bulk(request: PortalRequest, pages: MemberPages) -> HttpResponseBase:
    """The same for the members of every organization that the person may see."""
    of = within("organization") & Q(organization__removed_at=None)
    url = EveryOrganization.of(request).url(f"{pages.model.noun}_list")
    return _bulk(request, pages, of, url, None)


def _bulk(
    request: PortalRequest, pages: MemberPages, of: Q, url: str, own: Organization | None
) -> HttpResponseBase:
    _, rows = _listed(request, pages, of)
    rows = rows.filter(IS_LIVING)
    if request.POST.get("verb") == "export":
        if "all" not in request.POST:
            rows = rows.filter(pk__in=picked(request))
        return table_download(
            request,
            name=str(pages.kind),
            header=COLUMNS[pages.kind],
            rows=exported_members(kind=pages.kind, members=rows),
        )
    kind, back_url = BulkAction.Kind(pages.kind), f"{url}{querystring(request)}"
    return begin(request, kind=kind, rows=rows, back_url=back_url, own=own)


def _page(
    request: PortalRequest, scope: Scope, pages: MemberPages, *, of: Q, joined: tuple[str, ...] = ()
) -> HttpResponse:
    """The page of the members of these organizations; for htmx the table alone."""
    listing, rows = _listed(request, pages, of)
    column = pages.sorts[listing.sort.removeprefix("-")]
    order = f"-{column}" if listing.sort.startswith("-") else column
    rows = rows.select_related(*pages.joined, *joined).order_by(order, "id")
    context: dict[str, Any] = scope.context(
        listing=listing,
        page=listing.page_of(rows),
        may_erase=not scope.is_own and request.user.may(Permission.ERASE_USERS),
        offers=_offers(request, scope, pages) if listing.filter != "removed" else (),
        bulk_url=f"{scope.url(f'{pages.model.noun}_list')}bulk/",
        zone=request.provider.billing_zone(),
        missing=_missing(rows, pages.addresses(listing)),
    )
    noun, is_partial = pages.model.noun, request.htmx.target == "members"
    template = f"tenants/_{noun}s.html" if is_partial else f"tenants/{noun}_list.html"
    return render(request, template, context)


def _missing(rows: QuerySet[Any], keys: list[str]) -> list[str]:
    """Those of the addresses searched for that no listed user has or had."""
    if not keys:
        return []
    found = dict(rows.values_list("pk", "address_key")[:MOST_IDS])
    former = UserAlias.objects.filter(ended_at=None, key__in=keys, user__in=list(found))
    known = {*found.values(), *former.values_list("key", flat=True)}
    return [key for key in keys if key not in known]


def _offers(request: PortalRequest, scope: Scope, pages: MemberPages) -> list[Offer]:
    if not scope.may_change:
        return []
    return offers(BulkAction.Kind(pages.kind), user=request.user, is_own=scope.is_own)
