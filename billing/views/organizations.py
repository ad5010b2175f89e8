"""The list of organizations: its table, download, columns and saved views; actions on its rows."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.pages.organization_table.columns import (
    choose_columns,
    choose_usual_columns,
    columns_for,
)
from billing.pages.organization_table.saved_views import (
    MOST_VIEWS,
    NameTaken,
    TooManyViews,
    rename_view,
    save_view,
    views_of,
)
from billing.pages.organization_table.state import State
from billing.pages.organization_table.table import OrganizationTable
from core.scope import within
from core.text import plain_text
from tenants.bulk.offers import Offer, offers
from tenants.models import LONGEST_VIEW_NAME, BulkAction, Organization
from tenants.organizations.tags import tags_in_use
from tenants.views.bulk import begin, picked

NAME_IS_TAKEN = "You have another view of this name."


class ViewForm(forms.Form):
    """The name of a saved view."""

    name = forms.CharField(max_length=LONGEST_VIEW_NAME, validators=[plain_text])


def _table(request: PortalRequest) -> OrganizationTable:
    user = request.user
    return OrganizationTable(State.of(request, user=user), user, request.provider, timezone.now())


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def organization_list(request: PortalRequest) -> HttpResponse:
    """The provider's organizations; only the table for a request by htmx.

    An administrator who is limited to some organizations does not see how many there may be.
    """
    table = _table(request)
    state, user = table.state, request.user
    rows, page, totals = table.read()
    in_use = Organization.objects.visible().count()
    sees_all = user.limited_to is None
    limit = request.provider.organization_limit
    context = {
        "table": table,
        "state": state,
        "listing": state.listing,
        "rows": rows,
        "page": page,
        "totals": totals,
        "columns": state.columns,
        "all_columns": columns_for(user),
        "views": list(views_of(user)),
        "tags": tags_in_use(),
        "offers": _offers(request, state),
        "bulk_url": reverse("organization_bulk"),
        "has_archived": Organization.objects.archived().filter(within("pk")).exists(),
        "list_url": reverse("organization_list"),
        "in_use": in_use,
        "limit": limit if sees_all else None,
        "is_full": sees_all and in_use >= limit,
        "may_change": user.may(Permission.CHANGE_ORGANIZATIONS) and sees_all,
        "may_enter": user.may(Permission.IMPERSONATE),
        "may_cap": user.may(Permission.CHANGE_CAPS),
        "sees_alerts": user.may(Permission.VIEW_ALERTS),
    }
    partial = request.htmx.target == "organizations"
    template = "billing/_organizations.html" if partial else "billing/organization_list.html"
    return render(request, template, context)


def _offers(request: PortalRequest, state: State) -> list[Offer]:
    offered = offers(BulkAction.Kind.ORGANIZATIONS, user=request.user, is_own=False)
    restores = BulkAction.Verb.RESTORE
    return [offer for offer in offered if (offer.verb == restores) == state.is_archived]


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def organization_list_csv(request: PortalRequest) -> HttpResponseBase:
    """All matching organizations with the columns of the page, in its order."""
    return _download(_table(request), request)


def _download(
    table: OrganizationTable, request: PortalRequest, only: list[int] | None = None
) -> HttpResponseBase:
    header, rows = table.header(), table.cells(only)
    return table_download(request, name="organizations", header=header, rows=rows)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def organization_bulk(request: PortalRequest) -> HttpResponseBase:
    """Begin an action on the selected organizations, or on all that match; or export them."""
    table = _table(request)
    if request.POST.get("verb") == "export":
        return _download(table, request, None if "all" in request.POST else picked(request))
    back_url = _address(request.GET.urlencode())
    rows = table.found.organizations()
    return begin(request, kind=BulkAction.Kind.ORGANIZATIONS, rows=rows, back_url=back_url)


def _address(query: str) -> str:
    return f"{reverse('organization_list')}{'?' if query else ''}{query}"


def _sent_state(request: PortalRequest) -> State:
    return State.of_query(request.POST.get("query", ""), user=request.user)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def organization_columns(request: PortalRequest) -> HttpResponse:
    """Remember the columns that the person chose, and show the list with them."""
    if "usual" in request.POST:
        choose_usual_columns(user=request.user)
    else:
        choose_columns(request.POST.getlist("column")[: len(columns_for(request.user))],
                       user=request.user)  # fmt: skip
    return redirect(_address(_sent_state(request).query))


@requires(Permission.VIEW_ORGANIZATIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def organization_view_list(request: PortalRequest) -> HttpResponse:
    """The person's saved views; a POST saves the state of the list under a name."""
    form, state = ViewForm(request.POST or None), _sent_state(request)
    if request.method == "POST" and form.is_valid():
        try:
            view = save_view(name=form.cleaned_data["name"], state=state, user=request.user)
        except NameTaken:
            form.add_error("name", NAME_IS_TAKEN)
        except TooManyViews:
            form.add_error("name", f"You can keep {MOST_VIEWS} views. Delete one first.")
        else:
            messages.success(request, f"The view {view.name} is saved.")
            return redirect(_address(view.query))
    return _views_page(request, form=form, query=state.query_with_columns)


def _views_page(request: PortalRequest, **context: Any) -> HttpResponse:
    form = context["form"]
    context |= {"views": list(views_of(request.user)), "list_url": reverse("organization_list")}
    status = 422 if form.is_bound else 200
    return render(request, "billing/organization_view_list.html", context, status=status)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def organization_view_rename(request: PortalRequest, view_id: int) -> HttpResponse:
    """Give one of the person's views another name."""
    view = get_object_or_404(views_of(request.user), pk=view_id)
    form = ViewForm(request.POST)
    if form.is_valid():
        try:
            rename_view(view=view, name=form.cleaned_data["name"])
        except NameTaken:
            form.add_error("name", NAME_IS_TAKEN)
        else:
            messages.success(request, "The new name is saved.")
            return redirect("organization_view_list")
    return _views_page(request, form=form, query="", renamed=view.pk)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_POST
def organization_view_delete(request: PortalRequest, view_id: int) -> HttpResponse:
    """Delete one of the person's views; again, it is not found."""
    view = get_object_or_404(views_of(request.user), pk=view_id)
    view.delete()
    messages.success(request, f"The view {view.name} is deleted.")
    return redirect("organization_view_list")
