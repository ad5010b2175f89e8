"""The journeys through time in the operations admin: who moved the clock, from when to when."""

from django.contrib import admin

from core.operations.models import TimeTravel
from core.read_only_admin import ReadOnlyAdmin


@admin.register(TimeTravel)
class TimeTravelAdmin(ReadOnlyAdmin):
    """Only looked at; the page "Clock" moves the clock."""

    list_display = ("by_name", "began_at", "to_at", "reached_at", "ahead", "finished_at")
    ordering = ("-id",)
