"""Addresses and attributes, as templates write them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.templatetags import static as static_files
from django.urls import reverse
from django.utils.http import urlencode
from markupsafe import Markup


@lru_cache(maxsize=8192)
def url(name: str, *args: Any, **kwargs: Any) -> str:
    """The address of the route of this name; raises `NoReverseMatch` where there is none.

    Remembered, as routes do not change while a process runs and a list asks for one in each row.
    """
    return reverse(name, args=args, kwargs=kwargs)


@lru_cache(maxsize=256)
def static(path: str) -> str:
    """The address of a static file, which does not change while a process runs."""
    return static_files.static(path)


def querystring(request: HttpRequest, **changes: Any) -> str:
    """The request's query with these parameters changed, those that are None removed: "?a=b".

    "?" alone where nothing is left of a query, so that a link leaves it; empty where there was
    none.
    """
    if not request.GET:
        kept = {name: value for name, value in changes.items() if value is not None}
        return f"?{urlencode(kept)}" if kept else ""
    query = request.GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"


def attributes(given: Mapping[str, Any]) -> Markup:
    """HTML attributes from a macro's keywords: `hx_get="/x"` is ` hx-get="/x"`.

    True writes the bare name; False and None write nothing.
    """
    return Markup().join(
        Markup(" {}").format(name.replace("_", "-"))
        if value is True
        else Markup(' {}="{}"').format(name.replace("_", "-"), value)
        for name, value in given.items()
        if value is not None and value is not False
    )
