"""Actions that need a fresh proof of who one is: money, keys, roles, exports (decision 0072).

allauth asks for it, and afterwards carries out the request that needed it, with all that was
typed. A whole page is sent there also when only a part of it was requested.
"""

from datetime import timedelta
from http import HTTPStatus

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import suspend_request
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_htmx.http import HttpResponseClientRedirect

from accounts.requests import SiteRequest
from accounts.security.sessions import last_confirmed
from core.clock import machine_now

# Names of routes: forms for money, keys and roles, and downloads of everything.
CONFIRMED = frozenset(
    {
        *("billing_information", "card_replace", "card_setup", "automatic_payment"),
        *("pack_order", "export_request", "export_download"),
        *("people_user_export", "people_device_export", "audit_log_export"),
        *("api_key_generate", "api_key_revoke", "autotask_credentials"),
        *("administrator_invite", "administrator_edit", "administrator_remove"),
        *("administrator_reinstate", "ownership_transfer"),
        *("organization_admin_invite", "organization_admin_remove"),
        *("provider_security", "sessions_end"),
    }
)
# These may be looked at without.
CONFIRMED_TO_CHANGE = frozenset({"leaving", "leaving_cancel", "pay_all"})
# Called by a script that reads the answer.
CALLED_BY_SCRIPT = frozenset({"card_setup"})
# What was typed waits in the session until the person has confirmed; a larger body does not.
LONGEST_BODY = 64 * 1024
READING = ("GET", "HEAD")


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the person has signed in, or confirmed it, within the last minutes."""
    return machine_now() < last_confirmed(request) + timedelta(minutes=settings.CONFIRMED_MINUTES)


def needs_confirmation(request: HttpRequest, *, route: str) -> bool:
    """Whether this request of a signed-in person has to wait for a fresh proof."""
    is_named = route in CONFIRMED or (
        route in CONFIRMED_TO_CHANGE and request.method not in READING
    )
    return is_named and not is_confirmed(request)


def ask(request: SiteRequest, *, route: str) -> HttpResponse:
    """The way to the proof, which afterwards carries out this request."""
    if route in CALLED_BY_SCRIPT:
        text = "It is a while since you confirmed who you are. Reload this page and try again."
        return JsonResponse({"error": text}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    methods = get_adapter().get_reauthentication_methods(request.user)
    is_part_of_page = bool(request.htmx)
    if request.method == "POST" and int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        request.method = "GET"
    # The answer after the confirmation is a whole page.
    for name in [name for name in request.META if name.startswith("HTTP_HX_")]:
        del request.META[name]
    answer: HttpResponse = suspend_request(request, methods[0]["url"])
    return HttpResponseClientRedirect(answer["Location"]) if is_part_of_page else answer
