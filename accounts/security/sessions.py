"""Sessions: their limits, the list of a person's, and how they end (docs/decisions/0072)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.core.internal.httpkit import get_client_ip
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.db.models import F
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.security.browsers import browser_name
from core.clock import machine_now

BEGUN, USED = "begun_at", "used_at"
# How exactly it is known when a session was last used: each note is a write.
NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session of the person as the page lists it."""

    id: int
    browser: str
    address: str
    begun_at: datetime
    used_at: datetime
    is_current: bool


@receiver(user_logged_in)
def _begin(request: HttpRequest, **_: Any) -> None:
    """Every session, however the person signed in, says when it began."""
    request.session[BEGUN] = request.session[USED] = machine_now().timestamp()


def is_alive(request: HttpRequest) -> bool:
    """Whether the session is within its limits; it is noted as used, at most every few minutes.

    A session without instants, of a release that did not note them, begins now.
    """
    now = machine_now()
    begun = _instant(request, BEGUN)
    if begun is None:
        _begin(request)
        return True
    used = _instant(request, USED) or begun
    if now >= begun + timedelta(seconds=settings.SESSION_COOKIE_AGE):
        return False
    if now >= used + timedelta(minutes=settings.SESSION_IDLE_MINUTES):
        return False
    if now >= used + NOTED_EVERY:
        request.session[USED] = now.timestamp()
        UserSession.objects.filter(session_key=request.session.session_key).update(
            last_seen_at=now, ip=get_client_ip(request) or F("ip")
        )
    return True


def last_confirmed(request: HttpRequest) -> datetime:
    """When the person last proved in this session who they are: by signing in, or again since."""
    begun = _instant(request, BEGUN) or machine_now()
    records: Iterable[dict[str, Any]] = request.session.get("account_authentication_methods", [])
    confirmed = [record["at"] for record in records if record.get("reauthenticated")]
    return (
        max(begun, *(datetime.fromtimestamp(at, UTC) for at in confirmed)) if confirmed else begun
    )


def own_sessions(request: HttpRequest, user: User) -> list[OwnSession]:
    """The living sessions of the person, the present one first, then the last used one."""
    kept = UserSession.objects.purge_and_list(user)
    found = [
        OwnSession(
            id=kept_session.pk,
            browser=browser_name(kept_session.user_agent),
            address=kept_session.ip,
            begun_at=kept_session.created_at,
            used_at=kept_session.last_seen_at,
            is_current=kept_session.session_key == request.session.session_key,
        )
        for kept_session in kept
    ]
    return sorted(found, key=lambda one: (not one.is_current, -one.used_at.timestamp()))


def end_one(user: User, *, session_id: int) -> bool:
    """End one session of the person at once; whether there was one."""
    found = UserSession.objects.filter(user=user, pk=session_id).first()
    if found is not None:
        found.end()
    return found is not None


def end_all(user: User) -> None:
    """End every session of the login for good, also when it is reinstated later."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["sessions_ended"])
    UserSession.objects.filter(user=user).delete()


def keep_session(request: HttpRequest) -> None:
    """Let the person's own session go on after a change that ended all of theirs."""
    former = request.user
    if not isinstance(former, User):
        return
    user = User.objects.get(pk=former.pk)
    if user.is_active and user.sessions_ended != former.sessions_ended:
        update_session_auth_hash(request, user)
        UserSession.objects.create_from_request(request)


def end_others(request: HttpRequest, user: User) -> None:
    """End every session of the person but the request's."""
    end_all(user)
    update_session_auth_hash(request, user)
    UserSession.objects.create_from_request(request)


def _instant(request: HttpRequest, key: str) -> datetime | None:
    at = request.session.get(key)
    return None if at is None else datetime.fromtimestamp(at, UTC)
