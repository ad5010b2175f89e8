"""Forecasts of past months beside the actual values, computed once after each month."""

from typing import ClassVar

from django.db import models

from core.metrics import Metric


class ForecastTrial(models.Model):
    """A past month's forecast as of one of its days, and the month's actual value.

    Totals are sums of all organizations' high-water marks, or of their active users. The errors are
    sums over the organizations of the absolute errors of the forecast, of the peak so far ("last
    value") and of the previous month's value, but at least the peak so far ("last month"). The
    forecast uses no data from after that day.
    """

    basis = models.CharField(max_length=10, choices=Metric)
    month = models.DateField()
    day = models.PositiveSmallIntegerField()
    organizations = models.PositiveIntegerField()
    actual = models.PositiveIntegerField()
    expected = models.PositiveIntegerField()
    low = models.PositiveIntegerField()
    high = models.PositiveIntegerField()
    last_value = models.PositiveIntegerField()
    last_month = models.PositiveIntegerField()
    expected_errors = models.PositiveIntegerField()
    last_value_errors = models.PositiveIntegerField()
    last_month_errors = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["basis", "month", "day"], name="usage_forecasttrial_one_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.basis} {self.month:%Y-%m}, day {self.day}"
