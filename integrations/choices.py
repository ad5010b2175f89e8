"""Choices that the models and the plan of the sync share."""

from django.db.models import TextChoices


class DatePolicy(TextChoices):
    """The effective date of a changed quantity in Autotask."""

    WHOLE_MONTHS = "whole_months", "Increases from the 1st of the month, decreases from the next"
    FIRST_OF_MONTH = "first_of_month", "Always from the 1st of the month"
    DAY_OF_CHANGE = "day_of_change", "From the day it is pushed (prorated invoice lines)"
