"""Lanes of the outbox: each has a Celery queue of its name and workers that take no other lane."""

from enum import StrEnum


class Lane(StrEnum):
    """The kind of service that a message needs, so that a slow one delays no other.

    `PEOPLE`: a person waits, or it is short and calls nothing outside but the mail server.
    `IMPORTS`: a person waits, and it takes long. `CHARGES`: due invoices, a thousand at a month's
    start; `PAYMENTS`: everything else that calls Stripe. `PSA` calls Autotask. `DOCUMENTS` renders,
    and sends mails for which no person waits. `PROVISIONING` makes schemas, with the database role
    that owns them (docs/decisions/0037).
    """

    PEOPLE = "people"
    IMPORTS = "imports"
    CHARGES = "charges"
    PAYMENTS = "payments"
    DOCUMENTS = "documents"
    PSA = "psa"
    PROVISIONING = "provisioning"
