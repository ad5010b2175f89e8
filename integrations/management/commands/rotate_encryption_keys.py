"""Encrypts every stored secret with the first of ENCRYPTION_KEYS; an old key can then go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.key_rotation import rotate


class Command(BaseCommand):
    """Safe to run at any time, and again."""

    help = __doc__ or ""

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Encrypt the secrets of each provider again, and say what keeps a former key in use."""
        use = rotate()
        self.stdout.write(f"{use.secrets[0]} connections encrypted with the first key.")
        for name in use.not_reached:
            self.stderr.write(f"{name} is being restored: run this again after it.")
        for name in use.unreadable:
            self.stderr.write(f"{name}: encrypted with a key that is not in ENCRYPTION_KEYS.")
        if use.unreadable:
            raise CommandError(
                "Put the former key back at the end of ENCRYPTION_KEYS and run this again, or have "
                "these providers connect Autotask again."
            )
        if use.not_reached:
            raise CommandError("Keep the former keys until then.")
        if use.unused:
            self.stdout.write("The other keys are not used any more: remove them.")
