"""Sign-in & security: the person's password, passkeys, codes and sessions."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import signed_in
from accounts.requests import PortalRequest
from accounts.security import sessions
from accounts.security.events import SESSIONS_ENDED, report
from accounts.security.required import lacks_factor


@signed_in
@never_cache
@require_safe
def sign_in_security(request: PortalRequest) -> HttpResponse:
    """The factors and the sessions of the person."""
    factors = list(Authenticator.objects.filter(user_id=request.user.pk).order_by("pk"))
    codes = _of_type(factors, Authenticator.Type.RECOVERY_CODES)
    context = {
        "app": next(iter(_of_type(factors, Authenticator.Type.TOTP)), None),
        "passkeys": [(one, one.wrap()) for one in _of_type(factors, Authenticator.Type.WEBAUTHN)],
        "codes_left": len(codes[0].wrap().get_unused_codes()) if codes else None,
        "is_needed_now": lacks_factor(request.user, now=timezone.now()),
        "sessions": sessions.own_sessions(request, request.user),
    }
    return render(request, "accounts/sign_in_security.html", context)


def _of_type(factors: list[Authenticator], kind: str) -> list[Authenticator]:
    return [factor for factor in factors if factor.type == kind]


@signed_in
@require_POST
def session_end(request: PortalRequest, session_id: int) -> HttpResponse:
    """End one session of the person."""
    if not sessions.end_one(request.user, session_id=session_id):
        raise Http404
    messages.success(request, "This session is signed out.")
    return redirect("mfa_index")


@signed_in
@require_POST
def sessions_end(request: PortalRequest) -> HttpResponse:
    """End every session of the person but this one."""
    sessions.end_others(request, request.user)
    report(SESSIONS_ENDED, user=request.user, request=request)
    messages.success(request, "All other sessions are signed out.")
    return redirect("mfa_index")
