"""All routes of the portal, read from the URL configuration, so that new ones are included."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse


@dataclass(frozen=True)
class Route:
    """A route: its name, its namespaces, its view and its parameters."""

    name: str
    namespaces: tuple[str, ...]
    view: Any
    pattern: str
    parameters: frozenset[str]

    def __str__(self) -> str:
        return ":".join((*self.namespaces, self.name)) or self.pattern

    @property
    def names_policy(self) -> bool:
        """Whether the view names a policy; views of libraries do not."""
        return hasattr(self.view, "policy")

    def url(self, values: Mapping[str, Any]) -> str:
        """The URL with these values; those without a parameter in the route are left out."""
        return reverse(str(self), kwargs={name: values[name] for name in self.parameters})


def all_routes() -> list[Route]:
    """Every route, of apps and of libraries."""
    return list(_routes_in(get_resolver().url_patterns, (), "", frozenset()))


def _routes_in(
    patterns: list[URLPattern | URLResolver],
    namespaces: tuple[str, ...],
    prefix: str,
    parameters: frozenset[str],
) -> Iterator[Route]:
    for entry in patterns:
        text = prefix + str(entry.pattern)
        named = parameters | set(entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            inner = (*namespaces, entry.namespace) if entry.namespace else namespaces
            yield from _routes_in(entry.url_patterns, inner, text, named)
        else:
            yield Route(entry.name or "", namespaces, entry.callback, text, named)


def without_tokens(body: str) -> str:
    """A page without its CSRF tokens, which differ at every rendering."""
    return re.sub(r"[A-Za-z0-9]{64}", "TOKEN", body)
