import pytest

from core.metrics import COUNTED, Metric


@pytest.mark.parametrize("metric", COUNTED)
def test_a_counted_metric_is_made_of_itself(metric: Metric) -> None:
    assert metric.counted == (metric,)


def test_seats_are_made_of_both_counted_metrics_and_active_users_of_none() -> None:
    assert Metric.GREATER.counted == (Metric.USERS, Metric.DEVICES)
    assert Metric.ACTIVE_USERS.counted == ()


@pytest.mark.parametrize(
    ("metric", "unit", "short_unit"),
    [
        (Metric.USERS, "users", "users"),
        (Metric.DEVICES, "devices", "devices"),
        (Metric.GREATER, "seats", "seats"),
        (Metric.ACTIVE_USERS, "monthly active users", "MAU"),
    ],
)
def test_units_are_plural_nouns(metric: Metric, unit: str, short_unit: str) -> None:
    assert (metric.unit, metric.short_unit) == (unit, short_unit)
