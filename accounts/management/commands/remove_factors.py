"""`manage.py remove_factors`: for a person who has lost every factor, and proved who they are."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.security.events import FACTORS_REMOVED, report
from accounts.security.sessions import end_all
from core.servers import with_directory


class Command(BaseCommand):
    """The password stays; the person sets up a new factor where one is needed."""

    help = "Removes the passkeys, the app and the recovery codes of a login, and ends its sessions."

    def add_arguments(self, parser: CommandParser) -> None:
        """The address of the login."""
        parser.add_argument("email", help="The address of the login.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - a command's signature
        """Remove them; the person gets a mail, and the log an entry."""
        try:
            user = User.objects.get_by_natural_key(options["email"])
        except User.DoesNotExist:
            raise CommandError(f"No login has the address {options['email']}.") from None
        with with_directory():
            removed, _ = Authenticator.objects.filter(user=user).delete()
            end_all(user)
            if removed:
                report(FACTORS_REMOVED, user=user)
        self.stdout.write(f"{removed} removed from the login {user.email}.")
