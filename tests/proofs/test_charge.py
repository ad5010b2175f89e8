"""A short run of the charge proof; `make prove-charge` runs the whole."""

import uuid

import pytest

from billing.gateway import client as gateway
from tests.proofs import charge as proof
from tests.proofs.charge import prove
from tests.proofs.charge_worker import Fate, Point
from tests.proofs.run import Run


@pytest.mark.proof
def test_killed_workers_charge_each_invoice_once(committed):
    run = Run(tries=4, seed=20261122)

    result = prove(run)

    assert run.violations == []
    assert result["charged_twice"] == result["lost"] == result["books_differ"] == 0
    assert sum(result["kills"].values()) >= 5
    assert result["cards_replaced"]
    assert sum(result["faults"].values())


@pytest.mark.proof
def test_the_proof_detects_a_charge_without_idempotency_key(committed, monkeypatch):
    call = gateway.call

    def call_without_key(function, *arguments):
        options = arguments[-1]
        if isinstance(options, dict) and options.get("idempotency_key", "").startswith("charge-"):
            arguments = (*arguments[:-1], {"idempotency_key": uuid.uuid4().hex})
        return call(function, *arguments)

    monkeypatch.setattr(gateway, "call", call_without_key)
    # At this point, only the key shows that Stripe has charged.
    monkeypatch.setattr(proof, "draw_fate", lambda _: Fate(Point.AFTER_ANSWER))
    run = Run(tries=2, seed=20261123)

    assert prove(run)["charged_twice"] > 0
    assert run.violations
