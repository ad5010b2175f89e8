"""Okta: the console's CSV, users of the API written as CSV, and the Rockstar extension."""

from tenants.imports.sources.source import Meaning, Source, mark, meanings, plain

# An Okta account that is deactivated is deprovisioned, and only then can it be deleted.
_WORDS = meanings({Meaning.LEFT: "deactivated;deprovisioned;deleted"})
_FIELDS = {
    "address": plain(
        """primary email;profile.email;email;user.email;email address;profile.login;login;user.login
        username"""
    ),
    "state": plain("status;user status;user.status;okta status"),
    "external_id": plain("user id;id;okta id;okta user id;user.id"),
    "first_name": plain("first name;profile.firstName;firstName;user.firstName"),
    "last_name": plain("last name;profile.lastName;lastName;user.lastName"),
    "name": plain("display name;profile.displayName;displayName;user.displayName"),
    "type": plain("profile.userType;user type;userType"),
}

ROCKSTAR = Source(
    name="Okta (Rockstar)",
    marks=(
        mark("user id;username;primary email;status"),
        mark("primary email;credential provider"),
    ),
    fields=_FIELDS,
    words=_WORDS,
)
API = Source(
    name="Okta (API)",
    marks=(
        mark("profile.email;status"),
        mark("profile.login;status"),
        mark("profile.login;profile.email"),
    ),
    fields=_FIELDS,
    words=_WORDS,
)
CONSOLE = Source(
    name="Okta",
    marks=(
        mark("login;first name;last name;email;status"),
        mark("user.login;user.email"),
        mark("login;email;last login"),
        mark("okta user id;email"),
        mark("username;first name;last name;primary email;status"),
        mark("login;email;status"),
    ),
    fields=_FIELDS,
    words=_WORDS,
)

USER_SOURCES = (ROCKSTAR, API, CONSOLE)
ACTIVITY_SOURCES = (CONSOLE, API, ROCKSTAR)
