"""Reading: query with pages, count, one row, and the fields of an entity."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from sandbox.autotask.filters import compile_filter
from sandbox.autotask.schema import Entity
from sandbox.autotask.wire import Refused, Row, decode, encode
from sandbox.autotask.world import World

LARGEST_PAGE = 500
PROPERTIES = {"maxrecords", "includefields", "filter", "xml"}
# Below every id: company 0 exists, so a cursor that starts at 0 would lose it.
_BEFORE_ALL = -1


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A read access: the world, the entity, and whether the user can read costs."""

    world: World
    entity: Entity
    can_read_costs: bool

    def page(self, body: Row, *, token: str | None, url: str) -> Row:
        """One page of a query, by id. `url` is that of the query itself. Raises Refused."""
        asked = _properties(body)
        size, fields = _page_size(asked), _include_fields(self.entity, asked)
        rows = self._matching(asked)
        cursors = [_BEFORE_ALL] if token is None else _read_token(token, asked)
        following = [row for row in rows if row["id"] > cursors[-1]]
        shown = following[:size]
        more = len(following) > size
        return {
            "items": [self._shown(row, fields) for row in shown],
            "pageDetails": {
                "count": len(shown),
                "requestCount": size,
                "prevPageUrl": _page_url(url, cursors[:-1], asked) if len(cursors) > 1 else None,
                "nextPageUrl": (
                    _page_url(url, [*cursors, shown[-1]["id"]], asked) if more else None
                ),
            },
        }

    def count(self, body: Row) -> Row:
        """How many rows a query would find. Raises Refused."""
        return {"queryCount": len(self._matching(_properties(body)))}

    def one(self, row_id: int) -> Row:
        """The row of an id; a missing one is a null item, not an error."""
        row = self.world.rows[self.entity.name].get(row_id)
        return {"item": None if row is None else self._shown(row, None)}

    def fields(self) -> Row:
        """The entity's fields with their picklists."""
        picklists = self.world.picklists.get(self.entity.name, {})
        return {
            "fields": [
                _field(self.entity, name, kind, picklists)
                for name, kind in self.entity.fields.items()
            ]
        }

    def _matching(self, asked: Row) -> list[Row]:
        test = compile_filter(self.entity, asked.get("filter"))
        rows = self.world.rows[self.entity.name]
        # A hidden field can't be searched either; rows are copied only in that case.
        hides = not self.can_read_costs and bool(self.entity.costs)
        ordered = (rows[row_id] for row_id in sorted(rows))
        return [row for row in ordered if test(self._shown(row, None) if hides else row)]

    def _shown(self, row: Row, fields: list[str] | None) -> Row:
        hidden = () if self.can_read_costs else self.entity.costs
        names = self.entity.fields if fields is None else fields
        shown = {name: None if name in hidden else row.get(name) for name in names}
        return {**shown, "userDefinedFields": []} if fields is None else shown


def _properties(body: Row) -> Row:
    asked = {name.lower(): value for name, value in body.items()}
    for name in asked.keys() - PROPERTIES:
        raise Refused(f"{name} is not a property of a query.")
    return asked


def _page_size(asked: Row) -> int:
    size = asked.get("maxrecords")
    if size is None:
        return LARGEST_PAGE
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
        raise Refused(f"MaxRecords must be a number from 1 to {LARGEST_PAGE}.")
    return size


def _include_fields(entity: Entity, asked: Row) -> list[str] | None:
    names = asked.get("includefields")
    if not names:
        return None
    if not isinstance(names, list):
        raise Refused("IncludeFields must be a list of field names.")
    return [entity.wire_name(name) for name in names]


def _page_url(url: str, cursors: list[int], asked: Row) -> str:
    token = encode({"cursors": cursors, "query": _digest(asked)}).encode()
    return f"{url}/next?paging={base64.urlsafe_b64encode(token).decode().rstrip('=')}"


def _read_token(token: str, asked: Row) -> list[int]:
    try:
        content = decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        cursors = [int(cursor) for cursor in content["cursors"]]
    except (ValueError, TypeError, KeyError):
        raise Refused("The paging value is not one this API gave out.") from None
    if not cursors or content.get("query") != _digest(asked):
        raise Refused("The next page must be requested with the body of the first.")
    return cursors


def _digest(asked: Row) -> str:
    return hashlib.sha256(encode(sorted(asked.items())).encode()).hexdigest()[:16]


def _field(entity: Entity, name: str, kind: str, picklists: dict[str, list[Row]]) -> Row:
    values: list[Row] | None = picklists.get(name)
    parents: dict[str, Any] = {"subIssueType": "issueType"}
    return {
        "name": name,
        "dataType": kind,
        "length": entity.lengths.get(name, 0),
        "isRequired": name in entity.required,
        "isReadOnly": name in entity.read_only,
        "isQueryable": True,
        "isReference": name in entity.references,
        "referenceEntityType": entity.references.get(name, ""),
        "isPickList": values is not None,
        "picklistValues": values,
        "picklistParentValueField": parents.get(name, "") if values is not None else "",
        "isSupportedWebhookField": False,
    }
