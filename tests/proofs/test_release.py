"""A short run of the release proof; `make prove-release` runs the whole."""

import pytest

from tests.proofs.release import Run, prove


@pytest.mark.proof
def test_a_release_under_load_fails_and_loses_nothing(committed: None) -> None:
    # Pauses leave the processors to what starts; the load goes on through each step.
    run = Run(providers=2, clients=3, seconds=0.5, pause=0.15, seed=20261129)

    result = prove(run)

    assert run.violations == []
    assert result["failed"] == result["lost"] == result["twice"] == 0
    for name in ("requests", "added", "messages"):
        assert result[name] > 0, result
