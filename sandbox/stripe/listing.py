"""Lists: newest first, in pages, filtered."""

import json
from typing import Any

from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session

PAGE = {"ending_before", "limit", "starting_after"}
DATED = {*PAGE, "created"}
COMPARISONS = {"at": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
COLUMNS = ("customer", "payment_intent", "charge")


def page(session: Session, kind: str, params: Json, *, url: str) -> Json:
    """One page of the account's objects of a kind."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise StripeError(
            "Invalid integer: limit must be between 1 and 100.",
            code="parameter_invalid_integer",
            param="limit",
        )
    where, values = _filters(session, kind, params)
    backwards = "ending_before" in params
    order = "ASC" if backwards else "DESC"
    # Only the fixed fragments of _filters are joined here; every value is bound.
    sql = f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608
    found = [json.loads(row[0]) for row in session.store.rows(sql, *values, limit + 1)]
    shown = found[:limit]
    if backwards:
        shown.reverse()
    return {"object": "list", "data": shown, "has_more": len(found) > limit, "url": url}


def empty(*, url: str) -> Json:
    """An empty list."""
    return {"object": "list", "data": [], "has_more": False, "url": url}


def _filters(session: Session, kind: str, params: Json) -> tuple[str, list[Any]]:
    parts = ["account = ?", "kind = ?"]
    values: list[Any] = [session.account, kind]
    for name in COLUMNS:
        if name in params:
            parts.append(f"{name} = ?")
            values.append(params[name])
    for name in ("email", "payment_method", "type"):
        if name in params:
            parts.append(f"json_extract(body, '$.{name}') = ?")
            values.append(params[name])
    if "types" in params:
        parts.append("json_extract(body, '$.type') IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(params["types"]))
    if kind == "customer":
        parts.append("json_extract(body, '$.deleted') IS NULL")
    created = params.get("created", {})
    for bound, instant in (created if isinstance(created, dict) else {"at": created}).items():
        parts.append(f"created {COMPARISONS[bound]} ?")
        values.append(instant)
    for cursor, sign in (("starting_after", "<"), ("ending_before", ">")):
        if cursor in params:
            session.fetch(kind, params[cursor], param=cursor)
            parts.append(f"seq {sign} (SELECT seq FROM objects WHERE id = ?)")  # noqa: S608
            values.append(params[cursor])
    return " AND ".join(parts), values
