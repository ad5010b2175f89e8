"""Browsers: how one is called, and which a person has signed in with before."""

import re

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, HttpResponse

from accounts.models import User

COOKIE_SECONDS = 400 * 24 * 60 * 60
# People that share a browser.
MOST_PEOPLE = 20

# In this order, because browsers name those that they descend from too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """A browser's name for people, as "Firefox on Windows"."""
    browser = next((name for mark, name in _BROWSERS if f"{mark}/" in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not browser:
        first = re.split(r"[/ (]", user_agent.strip(), maxsplit=1)[0][:40]
        browser = first if first.isprintable() and first else "Unknown browser"
    return f"{browser} on {system}" if system else browser


def is_known(request: HttpRequest, user: User) -> bool:
    """Whether the person has signed in with this browser before, by its cookie."""
    return user.pk in known_people(request)


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Have the browser keep that the person has signed in with it."""
    people = [user.pk, *(pk for pk in known_people(request) if pk != user.pk)][:MOST_PEOPLE]
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        _signer().sign_object(people),
        max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known_people(request: HttpRequest) -> list[int]:
    """The logins with which this browser was signed in, by its cookie."""
    try:
        people: list[int] = _signer().unsign_object(
            request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
        )
    except (BadSignature, ValueError):
        return []
    return people


def _signer() -> Signer:
    return Signer(salt="accounts.browsers")
