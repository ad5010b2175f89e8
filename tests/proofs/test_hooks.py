"""A short run of the webhook proof; `make prove-hooks` runs the whole."""

import pytest

from tests.proofs import hooks
from tests.proofs.run import Run


@pytest.mark.proof
def test_any_order_of_events_ends_with_the_same_records(committed):
    run = Run(tries=3, seed=20261122)

    result = hooks.prove(run)

    assert run.violations == []
    assert result["runs"] == 5 * 3 * len(hooks.PATTERNS)
    assert result["repeated"]


@pytest.mark.proof
def test_the_proof_detects_an_event_that_is_trusted_without_a_query(committed, monkeypatch):
    monkeypatch.setattr(hooks, "seen_at", lambda _before, step: step)
    monkeypatch.setattr(hooks, "PATTERNS", {"as_it_happens": hooks.once})
    run = Run(tries=6, seed=20261122)

    assert hooks.prove(run)["different_ends"] > 0
