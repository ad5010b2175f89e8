"""Counters of charges and requests, for tests."""

import json
from typing import Any

from sandbox.stripe.errors import Json
from sandbox.stripe.store import Store

FILTERS = {
    "account": "account = ?",
    "customer": "customer = ?",
    "payment_intent": "payment_intent = ?",
    "idempotency_key": "json_extract(body, '$._idempotency_key') = ?",
}


def charges(store: Store, order: Json) -> Json:
    """The charges that match customer, payment_intent, idempotency_key, account and metadata[…]."""
    where = ["kind = 'charge'"]
    values: list[Any] = []
    for name, value in order.items():
        if name in FILTERS:
            where.append(FILTERS[name])
            values.append(value)
        elif name.startswith("metadata[") and name.endswith("]") and '"' not in name:
            # Bound as a JSON path: the key may hold anything but a quote.
            where.append("json_extract(body, ?) = ?")
            values.extend((f'$.metadata."{name[9:-1]}"', value))
        else:
            raise ValueError(f"charges are not counted by {name}")
    sql = f"SELECT body FROM objects WHERE {' AND '.join(where)} ORDER BY seq"  # noqa: S608
    found = [json.loads(row[0]) for row in store.rows(sql, *values)]
    taken = [charge for charge in found if charge["status"] == "succeeded"]
    return {
        "succeeded": len(taken),
        "failed": len(found) - len(taken),
        "amount_charged": sum(charge["amount"] for charge in taken),
        "amount_refunded": sum(charge["amount_refunded"] for charge in taken),
        "charges": [charge["id"] for charge in taken],
        "failed_charges": [charge["id"] for charge in found if charge["status"] == "failed"],
    }


def totals(store: Store, requests: dict[str, int]) -> Json:
    """Requests by URL, objects by kind, successful charges by customer, key and metadata."""
    kinds = store.rows("SELECT kind, count(*) FROM objects GROUP BY kind")
    return {
        "requests": requests,
        "objects": dict(kinds),
        "charges_by_customer": _charged(store, "customer"),
        "charges_by_idempotency_key": _charged(store, "json_extract(body, '$._idempotency_key')"),
        "charges_by_metadata": _by_metadata(store),
    }


def _charged(store: Store, by: str) -> Json:
    sql = (
        f"SELECT {by}, count(*) FROM objects WHERE kind = 'charge'"  # noqa: S608 - a constant
        " AND json_extract(body, '$.status') = 'succeeded' GROUP BY 1"
    )
    return {str(name): count for name, count in store.rows(sql)}


def _by_metadata(store: Store) -> Json:
    rows = store.rows(
        "SELECT entry.key, entry.value, count(*) FROM objects,"
        " json_each(json_extract(body, '$.metadata')) AS entry WHERE kind = 'charge'"
        " AND json_extract(body, '$.status') = 'succeeded' GROUP BY 1, 2"
    )
    counted: dict[str, dict[str, int]] = {}
    for key, value, count in rows:
        counted.setdefault(key, {})[str(value)] = count
    return counted
