"""Which of Autotask's zones a user's database is in; it can move."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from integrations.autotask.api.errors import AutotaskError, NotUnderstood, UnknownUser
from integrations.autotask.api.wire import content_of, text


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Where a database answers. `api_url` ends with a slash."""

    name: str
    api_url: str
    web_url: str


def discover(*, http: httpx.Client, user_name: str) -> Zone:
    """The zone of a user, asked without its secrets.

    Raises `UnknownUser` (a blank or unknown user is answered with a 500), `NotUnderstood` where the
    answer names a place that is not Autotask's: secrets would be sent there.
    """
    address = f"{settings.AUTOTASK_BASE_URL.rstrip('/')}/v1.0/zoneInformation"
    response = http.get(address, params={"user": user_name}, headers={"Accept": "application/json"})
    if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
        raise UnknownUser(f"Autotask does not know an API user named {user_name[:100]}.")
    try:
        found = content_of(response)
    except AutotaskError as error:
        raise NotUnderstood(f"Autotask did not say which zone the user is in: {error}") from error
    url = text(found, "url")
    if not is_autotasks(url):
        raise NotUnderstood(f"The zone Autotask named is not one of its own: {url[:100]!r}.")
    return Zone(
        name=text(found, "zoneName")[:100],
        api_url=f"{url.rstrip('/')}/V1.0/",
        web_url=text(found, "webUrl")[:300],
    )


def is_autotasks(url: str) -> bool:
    """Whether an address belongs to Autotask, as the settings name it."""
    home, asked = urlsplit(settings.AUTOTASK_BASE_URL), urlsplit(url)
    if asked.scheme != home.scheme or not asked.hostname or asked.port != home.port:
        return False
    home_name = str(home.hostname)
    family = "." + ".".join(home_name.split(".")[-2:])
    is_address = home_name.replace(".", "").isdecimal()
    return asked.hostname == home_name or (not is_address and asked.hostname.endswith(family))
