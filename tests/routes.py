"""Every address of the portal, read from the URL configuration: new ones join by themselves."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse


@dataclass(frozen=True)
class Route:
    """One address: its name, its namespaces, its view and the parameters in it."""

    name: str
    namespaces: tuple[str, ...]
    view: Any
    pattern: str
    parameters: frozenset[str]

    def __str__(self) -> str:
        return ":".join((*self.namespaces, self.name)) or self.pattern

    @property
    def is_ours(self) -> bool:
        """Whether the view names its policy itself, as opposed to a library's."""
        return hasattr(self.view, "policy")

    def url(self, values: Mapping[str, Any]) -> str:
        """The address with these values; those it has no parameter for are left out."""
        return reverse(str(self), kwargs={name: values[name] for name in self.parameters})


def all_routes() -> list[Route]:
    """Every route, whatever app or library it comes from."""
    return list(_walk(get_resolver().url_patterns, (), "", frozenset()))


def _walk(
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
            yield from _walk(entry.url_patterns, inner, text, named)
        else:
            yield Route(entry.name or "", namespaces, entry.callback, text, named)


def without_tokens(body: str) -> str:
    """A page without what differs at every rendering: CSRF tokens."""
    return re.sub(r"[A-Za-z0-9]{64}", "TOKEN", body)
