"""`manage.py create_provider`: create a provider, its schema and its Owner's login."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, User
from accounts.provisioning.new_provider import create_provider, provision_by_task
from accounts.roles import Role


class Command(BaseCommand):
    """Validates every option before it creates anything."""

    help = "Creates a provider with its schema, and the login of its Owner."

    def add_arguments(self, parser: CommandParser) -> None:
        """The fields of the provider and its Owner."""
        parser.add_argument("--name", required=True, help="The provider's name.")
        parser.add_argument(
            "--invoice-prefix",
            required=True,
            help="2 to 8 capital letters and digits; begins its invoice numbers. Never changes.",
        )
        parser.add_argument("--owner-name", required=True, help="Who signs in as Owner.")
        parser.add_argument("--owner-email", required=True, help="The Owner's address.")
        parser.add_argument(
            "--contact-name", help="The contact of its administrators; default: the Owner."
        )
        parser.add_argument("--contact-email", help="Default: the Owner's address.")
        parser.add_argument(
            "--time-zone", default="UTC", help="Where its months begin, as in Europe/Berlin."
        )
        parser.add_argument("--currency", default="USD", help="Three letters, as in USD.")
        parser.add_argument("--organization-limit", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - a command's signature
        """Create provider and Owner, then the schema."""
        now = timezone.now()
        try:
            with transaction.atomic():
                provider = create_provider(
                    name=options["name"],
                    invoice_prefix=options["invoice_prefix"],
                    contact_name=options["contact_name"] or options["owner_name"],
                    contact_email=options["contact_email"] or options["owner_email"],
                    billing_time_zone=options["time_zone"],
                    currency=options["currency"],
                    organization_limit=options["organization_limit"],
                    now=now,
                )
                self._create_owner(provider, options)
        except ValidationError as refused:
            raise CommandError(_error_text(refused)) from refused
        try:
            provision_by_task({"id": provider.pk}, now)
        except Exception as error:
            raise CommandError(
                f"{provider} is recorded, but its schema could not be made: {error}\n"
                "Workers try again; see it in the operations admin."
            ) from error
        address = f"{settings.SITE_URL}{reverse('account_reset_password')}"
        self.stdout.write(
            f"{provider.name} is set up in schema {provider.schema_name}.\n"
            f"{options['owner_name']} has no password yet and sets one at {address}"
        )

    def _create_owner(self, provider: Provider, options: dict[str, Any]) -> None:
        try:
            User.objects.create_user(
                email=options["owner_email"],
                name=options["owner_name"],
                provider=provider,
                role=Role.OWNER,
            )
        except ValidationError as refused:
            texts = {f"owner_{field}": errors for field, errors in refused.message_dict.items()}
            raise ValidationError(texts) from refused


def _error_text(refused: ValidationError) -> str:
    """One line per field, named as its option."""
    lines = []
    for field, texts in refused.message_dict.items():
        option = {"billing_time_zone": "time_zone"}.get(field, field).replace("_", "-")
        lines.append(f"--{option}: {' '.join(texts)}")
    return "Nothing was created.\n" + "\n".join(lines)
