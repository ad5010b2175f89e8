"""The search: a page, the dialog over any page, its results while a person types; shortcuts."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.listing import Listing
from mtp.navigation.context import navigation
from mtp.search.results import results_of

TEMPLATES = {
    "dialog-slot": "search/_dialog.html",
    "search-options": "search/_results.html",
    "search-results": "search/_results.html",
}
# Where the results are options of the dialog's field.
OPTIONS = {"dialog-slot", "search-options"}
# The keys of static/js/keyboard.js.
SHORTCUTS = (
    (("/",), "Search"),
    (("Ctrl", "K"), "Search, also from a field; ⌘ K on a Mac"),
    (("?",), "This list"),
    (("j", "↓"), "Next row of the table"),
    (("k", "↑"), "Previous row of the table"),
    (("Enter",), "Open the row's link"),
    (("Esc",), "Close the dialog or menu"),
)


@requires(Permission.VIEW_ORGANIZATIONS, Permission.USE_OWN_ORGANIZATION)
@require_safe
def search(request: PortalRequest) -> HttpResponse:
    """What is found for `q`; for htmx the dialog or its results alone."""
    typed, target = Listing.of(request).search, request.htmx.target or ""
    context = {
        "typed": typed,
        "groups": results_of(request, typed),
        "are_options": target in OPTIONS,
        "sees_money": request.user.may(Permission.VIEW_BILLING),
    }
    return render(request, TEMPLATES.get(target, "search/search.html"), context)


@requires(Permission.VIEW_ORGANIZATIONS, Permission.USE_OWN_ORGANIZATION)
@require_safe
def shortcuts(request: PortalRequest) -> HttpResponse:
    """The keyboard shortcuts of this person's menu; for htmx the dialog alone."""
    entries = [item for group in navigation(request)["navigation"] for item in group["items"]]
    going = tuple((("g", item["key"]), item["label"]) for item in entries if item["key"])
    is_dialog = request.htmx.target == "dialog-slot"
    template = "search/_shortcuts_dialog.html" if is_dialog else "search/shortcuts.html"
    return render(request, template, {"shortcuts": (*SHORTCUTS, *going)})
