"""The doctor: the Django app of its command."""

from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """One command; no tables."""

    name = "mtp.doctor"
