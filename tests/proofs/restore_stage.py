"""The portal of the restore proof: its work before and after the instant, and what must hold."""

import os
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core import mail
from django.db import connection, connections
from django.utils import timezone

from accounts.provider_batches import PROVIDERS_PER_TASK
from billing.invoicing.month_close import close_due_months, close_month
from billing.models import Invoice
from core.mail import queue_mail
from core.months import Month
from core.outbox.delivery import batch_wakeups, deliver_due
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import ManagedUser
from tests.proofs.close_stage import Stage, create_stage
from tests.sandbox_fixtures import StripeStandIn

# Beside the two organizations of the stage, of ten users each.
ORGANIZATIONS = 18
FILL = """
    INSERT INTO tenants_organization (name, created_at)
        SELECT 'Organization ' || n, %(created)s FROM generate_series(1, %(organizations)s) n;
    INSERT INTO tenants_manageduser (organization_id, email, added_at)
        SELECT o.id, n || '@proof.example', %(created)s + interval '1 day'
        FROM tenants_organization o, generate_series(1, 10) n;
"""
TABLES = """
    SELECT format('SELECT %%L, count(*), sum(hashtextextended(t::text, 0)::numeric) FROM %%I.%%I t',
        format('%%s.%%s', nspname, relname), nspname, relname)
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind = 'r' AND nspname = ANY(%s) ORDER BY 1
"""
# A mail of each provider that waits at the instant and is sent before the portal stops.
SUBJECT = "Sent once"
SCHEMAS_AT_ONCE = 20
# Of one provider in so many the documents of the first month are rendered.
RENDERED = 20
Tables = dict[str, tuple[int, object]]


@dataclass
class Portal:
    """Providers with two ended months; the first is closed and charged before the base backup.

    The second month of each third provider is closed and charged before the instant; of another
    third it is closed before and charged after it; of the last it is closed and charged after it.
    """

    stripe: StripeStandIn
    stages: list[Stage]
    first: Month
    lost: set[str] = field(default_factory=set)

    @classmethod
    def filled(cls, stripe: StripeStandIn, *, providers: int) -> "Portal":
        """Create the providers; close and charge the first month."""
        first = Month.of(timezone.now(), UTC).plus(months=-2)
        stages = []
        for _ in range(providers):
            stage = create_stage(stripe, is_committed=False, first=first)
            with provider_schema(stage.provider), connection.cursor() as cursor:
                created = datetime(first.year, first.month, 2, tzinfo=UTC)
                for statement in FILL.strip().split(";")[:-1]:
                    cursor.execute(statement, {"created": created, "organizations": ORGANIZATIONS})
            stages.append(stage)
            # A session remembers each table that it has made: after 200 schemas that is slow.
            connections.close_all()
        portal = cls(stripe, stages, first)
        portal._close(stages, first)
        portal._charge()
        for stage in stages[::RENDERED]:
            schema = stage.provider.schema_name
            while deliver_due(now=timezone.now(), schema=schema, lane=Lane.DOCUMENTS):
                pass
        return portal

    @property
    def second(self) -> Month:
        """The month after the first."""
        return self.first.next

    @property
    def environment(self) -> dict[str, str]:
        """Of the commands of operations."""
        programs = str(Path(sys.executable).parent)
        return {
            **os.environ,
            "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
            "STRIPE_API_KEY": self.stripe.secret_key,
            "STRIPE_API_BASE": self.stripe.url,
        }

    def now(self) -> str:
        """The instant by the clock of the database."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()::text")
            return str(cursor.fetchone()[0])

    def disconnect(self) -> None:
        """Close the connections, before the server is killed or stopped."""
        connections.close_all()

    def work_to_keep(self) -> None:
        """The second month of two thirds; the charges of one third wait, and so does a mail."""
        done, waiting, _ = self._thirds()
        self._close(done, self.second)
        self._charge()
        self._close(waiting, self.second)
        for stage in self.stages:
            with provider_schema(stage.provider):
                queue_mail(
                    key=SUBJECT, to=["a@x.example"], subject=SUBJECT, text="", now=timezone.now()
                )

    def instant(self) -> tuple[str, Tables]:
        """The instant to go back to, and what every table contains then."""
        tables = self._tables()
        instant = self.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")
        return instant, tables

    def work_to_forget(self) -> None:
        """The waiting charges and mails, the second month of the last third, a new user each."""
        _, _, last = self._thirds()
        self._close(last, self.second)
        for stage in last:
            with provider_schema(stage.provider):
                self.lost |= set(
                    Invoice.objects.filter(month=self.second.first_day).values_list(
                        "number", flat=True
                    )
                )
        self._charge()
        mail.outbox.clear()
        while deliver_due(now=timezone.now(), lane=Lane.PEOPLE):
            pass
        for stage in self.stages:
            with provider_schema(stage.provider):
                ManagedUser.objects.create(
                    organization=stage.organizations[0], email=f"{secrets.token_hex(4)}@x.example"
                )

    def differences(self, kept: Tables) -> list[str]:
        """The tables that do not equal those of the instant."""
        found = self._tables()
        return [
            f"{name} has {found.get(name)} and had {kept.get(name)}"
            for name in sorted(kept.keys() | found.keys())
            if kept.get(name) != found.get(name)
        ]

    def work_after(self) -> list[str]:
        """Close and charge what is due, send what waits; what was done twice or not at all."""
        mail.outbox.clear()
        with batch_wakeups():
            for stage in self.stages:
                close_due_months(provider=stage.provider, now=timezone.now())
        self._charge()
        while deliver_due(now=timezone.now() + timedelta(seconds=1), lane=Lane.PEOPLE):
            pass
        again = Counter(each.subject for each in mail.outbox)[SUBJECT]
        found = [f"{again} mails were sent again"] if again else []
        return [*found, *(error for stage in self.stages for error in self._errors(stage))]

    def facts(self) -> dict[str, object]:
        """Sizes of what was restored."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            (size,) = cursor.fetchone()
        return {
            "providers": len(self.stages),
            "database_mb": size >> 20,
            "charges": self.stripe.charges()["succeeded"],
            "lost_invoices": len(self.lost),
            "rendered_providers": len(self.stages[::RENDERED]),
        }

    def _thirds(self) -> tuple[list[Stage], list[Stage], list[Stage]]:
        return self.stages[::3], self.stages[1::3], self.stages[2::3]

    def _close(self, stages: list[Stage], month: Month) -> None:
        with batch_wakeups():
            for number, stage in enumerate(stages):
                if number % PROVIDERS_PER_TASK == 0:
                    connection.close()
                close_month(provider=stage.provider, month=month, now=timezone.now())

    def _charge(self) -> None:
        """Charge what is due."""
        with batch_wakeups():
            while deliver_due(now=timezone.now(), lane=Lane.CHARGES):
                pass

    def _errors(self, stage: Stage) -> Iterator[str]:
        with provider_schema(stage.provider):
            customer = stage.provider.stripe_customer_id
            invoices = Invoice.objects.order_by("month")
            charged = self.stripe.charges(customer=customer)
            total = sum(invoice.total_minor for invoice in invoices)
            if (charged["succeeded"], charged["amount_charged"]) != (2, total):
                yield f"{stage.provider}: charged {charged} for invoices of {total}"
            for invoice in invoices:
                if invoice.amounts.due_minor:
                    yield f"{invoice.number} owes {invoice.amounts.due_minor}"
                if invoice.number in self.lost:
                    yield f"{invoice.number} was issued again"
            if [invoice.month for invoice in invoices] != [
                self.first.first_day,
                self.second.first_day,
            ]:
                yield f"{stage.provider} has {invoices.count()} invoices"
        waiting = OutboxMessage.objects.filter(
            schema_name=stage.provider.schema_name, lane=Lane.CHARGES, finished_at=None
        )
        yield from (f"{stage.provider}: {each} waits: {each.last_error}" for each in waiting)

    def _tables(self) -> Tables:
        found: Tables = {}
        schemas = ["public", *(stage.provider.schema_name for stage in self.stages)]
        for first in range(0, len(schemas), SCHEMAS_AT_ONCE):
            with connection.cursor() as cursor:
                cursor.execute(TABLES, [schemas[first : first + SCHEMAS_AT_ONCE]])
                statements = [statement for (statement,) in cursor.fetchall()]
                cursor.execute(" UNION ALL ".join(statements))
                found |= {name: (count, digest) for name, count, digest in cursor.fetchall()}
            connection.close()
        return found
