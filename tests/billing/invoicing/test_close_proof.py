"""A small run of the proof of closing and charging; `make prove-close` runs all of it."""

import pytest

from tests.proofs.close import Run, prove


@pytest.mark.proof
def test_a_killed_worker_leaves_one_set_of_invoices_and_one_charge(committed):
    run = Run(tries=8, seed=20261101)

    result = prove(run)

    assert run.violations == []
    assert result["charged_twice"] == result["lost"] == 0
    assert result["kills"] >= 8
    assert result["charges"] + result["given_up"] == result["invoices"]
