"""Autotask's zones. A customer's database is in one of them and can move."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from integrations.autotask.api.errors import AutotaskError, NotUnderstood, UnknownUser
from integrations.autotask.api.wire import content_of, text


@dataclass(frozen=True, kw_only=True)
class Zone:
    """The zone of a database. `api_url` ends with a slash."""

    name: str
    api_url: str
    web_url: str


def discover(*, http: httpx.Client, user_name: str) -> Zone:
    """Look up the zone of a user, without its secrets.

    Raises `UnknownUser` (Autotask answers an unknown user with 500), and `NotUnderstood` for an
    address outside of Autotask, which would receive the secrets.
    """
    address = f"{settings.AUTOTASK_BASE_URL.rstrip('/')}/v1.0/zoneInformation"
    response = http.get(address, params={"user": user_name}, headers={"Accept": "application/json"})
    if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        raise UnknownUser(f"Autotask does not know an API user named {user_name[:100]}.")
    try:
        row = content_of(response)
    except AutotaskError as error:
        raise NotUnderstood(f"Autotask did not say which zone the user is in: {error}") from error
    url = text(row, "url")
    if not is_autotasks(url):
        raise NotUnderstood(f"The zone that Autotask named is not in its domain: {url[:100]!r}.")
    return Zone(
        name=text(row, "zoneName")[:100],
        api_url=f"{url.rstrip('/')}/V1.0/",
        web_url=text(row, "webUrl")[:300],
    )


def is_autotasks(url: str) -> bool:
    """Whether an address has the domain of `AUTOTASK_BASE_URL`, with its scheme and port."""
    home, other = urlsplit(settings.AUTOTASK_BASE_URL), urlsplit(url)
    if other.scheme != home.scheme or not other.hostname or other.port != home.port:
        return False
    home_name = str(home.hostname)
    domain = "." + ".".join(home_name.split(".")[-2:])
    is_address = home_name.replace(".", "").isdecimal()
    return other.hostname == home_name or (not is_address and other.hostname.endswith(domain))
