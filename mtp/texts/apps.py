"""Texts: the Django app."""

from django.apps import AppConfig


class TextsConfig(AppConfig):
    """The command that lists all texts; no tables."""

    name = "mtp.texts"
