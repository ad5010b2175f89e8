"""A short run of the release proof; `make prove-release` runs the whole."""

import pytest

from tests.proofs.release import Run, prove


@pytest.mark.proof
def test_a_release_under_load_fails_and_loses_nothing(committed: None) -> None:
    run = Run(providers=2, clients=6, seconds=0.5, seed=20261129)

    result = prove(run)

    assert run.violations == []
    assert result["failed"] == result["lost"] == result["twice"] == 0
    for name in ("requests", "added", "messages"):
        assert result[name] > 0, result
