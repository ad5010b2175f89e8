"""Looks at everything that the portal needs, and says of each problem what to do next."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mtp.doctor import database, machine, servers, services
from mtp.doctor.findings import Finding, Look, Outcome, findings_of

LOOKS: tuple[tuple[str, Look, str], ...] = (
    (
        "Database",
        database.server,
        "Start PostgreSQL, or correct DATABASE_URL: host, port, role, password, name.",
    ),
    ("Database role", database.role, "Repair the database first."),
    ("Pooler", database.addresses, "Correct DATABASE_DIRECT_URL: host, port, role, password."),
    ("Replica", database.replica, "Start the replica, or correct DATABASE_REPLICA_URL."),
    ("Servers", servers.database_servers, "Repair the database first."),
    (
        "Migrations",
        database.migrations,
        "Repair the database, then run manage.py migrate_providers.",
    ),
    ("Backup", database.backup, "Repair the database first."),
    ("Keys", machine.keys, "Repair the database first."),
    ("Redis", services.redis_server, "Start Redis, or correct REDIS_URL: host, port, password."),
    (
        "Mail",
        services.mail_server,
        "Correct EMAIL_URL: host, port, login, password; smtp+tls for STARTTLS, smtp+ssl for TLS.",
    ),
    (
        "Stripe",
        services.stripe,
        "Correct STRIPE_API_KEY; a restricted key must read webhook endpoints. Open port 443.",
    ),
    (
        "Autotask",
        services.autotask,
        "Let this machine reach Autotask at port 443, or correct AUTOTASK_BASE_URL.",
    ),
    ("Clock", services.clocks, "Repair the database and Stripe first."),
    ("Disk", machine.disk, "Set TMPDIR to a directory that exists."),
    ("Assets", machine.assets, "Set STATIC_ROOT to a directory that exists."),
    (
        "Fonts",
        machine.fonts,
        "Install the system packages that Dockerfile names, Pango among them.",
    ),
)


class Command(BaseCommand):
    """`manage.py doctor`; the status is 1 if there is a problem. Changes nothing.

    Faults of the settings end it before it starts, with the same list as every other process.
    """

    help = __doc__ or ""
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Print a line for each finding, and the next step of each problem."""
        problems = 0
        for finding in self._findings():
            problems += finding.outcome is Outcome.PROBLEM
            self.stdout.write(f"{finding.outcome:<8} {finding.part:<15} {finding.text}")
            if finding.next_step:
                self.stdout.write(f"{'':<24} Next: {finding.next_step}")
            self.stdout.flush()
        if problems:
            raise CommandError(
                f"{problems} problems. Begin with the first." if problems > 1 else "1 problem."
            )

    def _findings(self) -> Iterator[Finding]:
        kind = "complete for production" if settings.IS_PRODUCTION else "of development"
        yield Finding("Settings", f"{settings.ENVIRONMENT}: {kind}.")
        for part, look, next_step in LOOKS:
            yield from findings_of(part, look, next_step=next_step)
