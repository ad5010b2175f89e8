"""How good forecasts of past months were: found by looking back, kept once a month is over."""

from typing import ClassVar

from django.db import models

from core.metrics import Metric


class ForecastTrial(models.Model):
    """A past month as it would have been forecast on one of its days, beside what it came to.

    Totals are of all organizations' high-water marks, or of their active users; the errors are sums
    over the organizations of how far the forecast, the peak so far ("last value") and the mark of
    the month before ("last month", never below the peak so far) were off. Nothing of the month
    after that day was known.
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
