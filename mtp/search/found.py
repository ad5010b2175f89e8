"""The rows of a provider that a search finds, within the rights of who searches (decision 0059)."""

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Func, Q, QuerySet, TextField

from billing.models import Invoice
from core.addresses import search_key
from core.given import Given
from core.remembered import remembered_together
from core.scope import within
from core.search_text import SearchText, search_text
from tenants.models import Device, ManagedUser, Organization, UserAlias
from tenants.models.members import DEVICE_TEXT, USER_TEXT

# Of each kind.
MOST_FOUND = 8
# Rows that match, in no order, among which the first ones are shown. So many that PostgreSQL takes
# the index for what few rows have: it would read the table to find the first of a few matches.
CANDIDATES = 100
# What has trigrams. Other texts are searched as the beginning of an address; if they begin with a
# letter or digit, which has a trigram too, as that of a word in a device's name or serial number.
HAS_PART, HAS_BEGINNING = re.compile("[a-z0-9]{3}"), re.compile("[a-z0-9]")

Row = dict[str, Any]
Found = dict[str, list[Row]]
Queries = Mapping[str, QuerySet[Any, Any]]
TYPED, WORD, ADDRESS = (Given(name, TextField()) for name in ("typed", "word", "address"))
OF_ORGANIZATION = {"of_id": F("organization_id"), "of_name": F("organization__name")}


def find(typed: str, *, sees_money: bool) -> Found:
    """What contains the text: organizations, users, devices and, with `sees_money`, invoices.

    One statement. Nothing for a text that is blank.
    """
    text = search_text(typed)
    if not text:
        return {}
    statement = _found(
        is_part=bool(HAS_PART.search(text)),
        is_beginning=bool(HAS_BEGINNING.match(text)),
        sees_money=sees_money,
    )
    found = statement.rows(typed=text, word=f" {text}", address=search_key(typed))
    return {**found, "users": _users_of(found)}


@remembered_together
def _found(*, is_part: bool, is_beginning: bool, sees_money: bool) -> Queries:
    of_visible = within("organization") & Q(organization__removed_at=None)
    users = ManagedUser.objects.living().filter(of_visible)
    devices = Device.objects.living().filter(of_visible).alias(text=SearchText(*DEVICE_TEXT))
    aliases = UserAlias.objects.filter(of_visible, ended_at=None, user__removed_at=None)
    queries: dict[str, QuerySet[Any, Any]] = {
        "organizations": Organization.objects.visible()
        .alias(text=SearchText("name"))
        .filter(text__contains=TYPED)
        .order_by(Func("text", TYPED, function="strpos"), "name", "id")
        .values("id", "name"),
        "users_by_address": _users(users.filter(address_key__startswith=ADDRESS)),
    }
    if is_part:
        queries["devices"] = _devices(
            _candidates(Device.objects.all(), devices.filter(text__contains=TYPED))
        )
        text = SearchText(*USER_TEXT)
        queries["users"] = _users(
            _candidates(
                ManagedUser.objects.all(), users.alias(text=text).filter(text__contains=TYPED)
            )
        )
        queries["aliases"] = (
            aliases.alias(searched=SearchText("key"))
            .filter(searched__contains=TYPED)
            .order_by("key", "id")
            .values("user_id", email=F("user__email"), note=F("text"), **OF_ORGANIZATION)
        )
    elif is_beginning:
        begins = Q(text__startswith=TYPED) | Q(text__contains=WORD)
        queries["devices"] = _devices(_candidates(Device.objects.all(), devices.filter(begins)))
    if sees_money:
        invoices = Invoice.objects.filter(number__icontains=TYPED).newest_first()
        queries["invoices"] = invoices.values("id", "number")
    return {name: rows[:MOST_FOUND] for name, rows in queries.items()}


def _candidates(of: QuerySet[Any, Any], matching: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return of.filter(pk__in=matching.values("pk")[:CANDIDATES])


def _users(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    shown = {"user_id": F("id"), "note": F("name"), **OF_ORGANIZATION}
    return rows.order_by("address_key", "id").values("email", **shown)


def _devices(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return rows.order_by("name", "id").values("id", "name", "serial_number", **OF_ORGANIZATION)


def _users_of(found: Found) -> list[Row]:
    """Those whose address begins with the text first; each once."""
    ranked = (found.pop(name, []) for name in ("users_by_address", "users", "aliases"))
    each = {row["user_id"]: row for rows in reversed(tuple(ranked)) for row in reversed(rows)}
    return list(reversed(each.values()))[:MOST_FOUND]
