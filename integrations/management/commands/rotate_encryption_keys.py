"""Encrypts every stored secret with the first of ENCRYPTION_KEYS; an old key can then go."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Provider
from core.schema import provider_schema
from integrations.encryption import rotate_encryption_keys
from integrations.models import AutotaskConnection


class Command(BaseCommand):
    """Safe to run at any time, and again."""

    help = __doc__ or ""

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Encrypt the secrets of each provider again. Raises `SecretsUnreadable`."""
        count = 0
        for provider in Provider.objects.filter(state=Provider.State.ACTIVE).order_by("pk"):
            with provider_schema(provider):
                for settings in AutotaskConnection.objects.exclude(credentials=""):
                    token = rotate_encryption_keys(settings.credentials)
                    AutotaskConnection.objects.filter(
                        pk=settings.pk, credentials=settings.credentials
                    ).update(credentials=token)
                    count += 1
        self.stdout.write(f"{count} connections encrypted with the first key.")
