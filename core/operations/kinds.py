"""The registry of kinds of operations alerts: each app registers those that it raises."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of operations alert.

    An alert with `settled_by_hand` ends when a person writes a note, because no code can see that
    its cause is gone. Each other alert is settled by the code that raised it.
    """

    name: str
    title: str
    settled_by_hand: bool


_kinds: dict[str, Kind] = {}


def alert_kind(name: str, *, title: str, settled_by_hand: bool = False) -> str:
    """Register a kind and return its name, for a constant beside the code that raises it."""
    _kinds[name] = Kind(name=name, title=title, settled_by_hand=settled_by_hand)
    return name


def kind_named(name: str) -> Kind:
    """The kind; raises `KeyError` when no app registered it."""
    return _kinds[name]


def kinds() -> dict[str, Kind]:
    """Every registered kind by its name."""
    return dict(_kinds)
