"""The choices that the sync's pure rules and the models share. No ORM."""

from django.db.models import TextChoices


class DatePolicy(TextChoices):
    """From which day a changed quantity counts in Autotask."""

    WHOLE_MONTHS = "whole_months", "Increases from the 1st of the month, decreases from the next"
    FIRST_OF_MONTH = "first_of_month", "Always from the 1st of the month"
    DAY_OF_CHANGE = "day_of_change", "From the day it is pushed (prorated invoice lines)"
