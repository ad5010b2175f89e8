"""A short run of the proof of promises; `make prove-promises` runs the whole."""

import pytest

from core.operations.promises import _checks
from tests.proofs.promises import prove
from tests.proofs.run import Run

NAMES = ("silent", "charged_twice", "wrong_amounts", "suspended_wrongly")


@pytest.mark.proof
def test_no_invoice_is_silent(committed):
    run = Run(tries=8, seed=20261129)

    result = prove(run)

    assert run.violations == []
    assert [result[name] for name in NAMES] == [0, 0, 0, 0]
    assert result["alerts_acted_on"]
    assert result["kills"]


@pytest.mark.proof
def test_the_proof_detects_a_promise_that_is_not_checked(committed, monkeypatch):
    monkeypatch.delitem(_checks, "billing.uncharged")
    run = Run(tries=10, seed=20261130)

    assert prove(run)["silent"] > 0
    assert run.violations
