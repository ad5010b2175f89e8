"""A short proof of the PSA sync; `make prove-psa` runs the long one."""

import pytest

from tests.proofs.psa import Run, prove


@pytest.mark.proof
def test_nights_under_faults_leave_exactly_the_right_quantities(committed: None) -> None:
    run = Run(nights=6, seed=20261123)

    result = prove(run)

    assert run.violations == []
    assert result["faults"] >= 1
    assert result["kills"] >= 1
