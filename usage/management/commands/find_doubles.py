"""List users of a provider's organizations who are one person and count twice."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.providers import NoSuchProvider, find_provider
from core.schema import provider_schema
from tenants.users.doubles import doubles


class Command(BaseCommand):
    """`manage.py find_doubles --provider PREFIX`; changes nothing. A person merges them."""

    help = "List users of a provider's organizations who are one person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider."""
        parser.add_argument("--provider", required=True, help="invoice prefix or schema name")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """One line for each pair, by organization, then their number."""
        try:
            provider = find_provider(name=options["provider"])
        except NoSuchProvider as error:
            raise CommandError(str(error)) from error
        with provider_schema(provider):
            found = doubles()
        for one in sorted(found, key=lambda each: each.later.organization_id):
            self.stdout.write(
                f"{one.later.organization} (#{one.later.organization_id}): "
                f"{one.earlier.email} (#{one.earlier.pk}) and "
                f"{one.later.email} (#{one.later.pk}): {one.shared.text.lower()}"
            )
        self.stdout.write(
            f"{len(found)} doubles of {provider}. Merge them under Users, Doubles."
            if found
            else f"No doubles of {provider}."
        )
