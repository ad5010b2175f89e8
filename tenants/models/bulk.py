"""Actions on many rows at once, and what became of each row."""

from typing import ClassVar

from django.db import models

from tenants.models.organizations import Organization


class BulkAction(models.Model):
    """One action on chosen rows, from the choice to the result.

    The rows are fixed when they are chosen: what is confirmed is what was shown. A row is in
    `BulkItem` by its id only, so that no name is copied. `organization` is set where the action was
    started on the organization's own pages. `options` hold what the person typed: the cap, the tag,
    the organization that users move to. Until `undo_until` it can be undone
    (docs/decisions/0063).
    """

    class Kind(models.TextChoices):
        """The chosen rows."""

        USERS = "users", "Users"
        DEVICES = "devices", "Devices"
        ORGANIZATIONS = "organizations", "Organizations"
        INVITATIONS = "invitations", "Invitations"

    class Verb(models.TextChoices):
        """What is done with each row."""

        REMOVE = "remove", "Remove"
        SUSPEND = "suspend", "Suspend"
        REACTIVATE = "reactivate", "Reactivate"
        MOVE = "move", "Move"
        SET_CAP = "set_cap", "Set the cap"
        TAG = "tag", "Add a tag"
        UNTAG = "untag", "Remove a tag"
        ARCHIVE = "archive", "Archive"
        RESTORE = "restore", "Restore"
        RESEND = "resend", "Send again"

    class State(models.TextChoices):
        """The state; a worker works while it is applying or undoing."""

        CHOSEN = "chosen", "Waiting for confirmation"
        APPLYING = "applying", "In progress"
        DONE = "done", "Done"
        DISCARDED = "discarded", "Discarded"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    kind = models.CharField(max_length=20, choices=Kind)
    verb = models.CharField(max_length=20, choices=Verb)
    state = models.CharField(max_length=20, choices=State, default=State.CHOSEN)
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    options = models.JSONField(default=dict)
    back_url = models.CharField(max_length=500)
    chosen = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    started_by_id = models.BigIntegerField(null=True)
    started_by_name = models.CharField(max_length=200)
    confirmed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undo_until = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["started_at"], name="tenants_bulkaction_started")]

    def __str__(self) -> str:
        return f"{self.verb} {self.chosen} {self.kind}"

    @property
    def noun(self) -> str:
        """One of the rows: user, device, organization, invitation."""
        return self.kind.removesuffix("s")

    @property
    def is_working(self) -> bool:
        """True while a worker applies or undoes it."""
        return self.state in (self.State.APPLYING, self.State.UNDOING)

    @property
    def decided(self) -> int:
        """The number of rows that were changed or refused so far."""
        return self.done + self.failed


class BulkItem(models.Model):
    """One row of an action, in the order in which it is changed, and what became of it.

    `organization_id` is 0 for an invitation to no organization. `before` is what an undo brings
    back, `version` the row's version after the change: an undo leaves a row that was changed since.
    `problem` says why the row was not changed, or not undone.
    """

    class Outcome(models.TextChoices):
        """What became of the row."""

        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        FAILED = "failed", "Not done"
        UNDONE = "undone", "Undone"
        KEPT = "kept", "Not undone"

    action = models.ForeignKey(
        BulkAction, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    position = models.PositiveIntegerField()
    subject_id = models.BigIntegerField()
    organization_id = models.BigIntegerField()
    outcome = models.CharField(
        max_length=10, choices=Outcome, default=Outcome.WAITING, db_default=Outcome.WAITING
    )
    problem = models.CharField(max_length=300, blank=True, db_default="")
    before = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    version = models.CharField(max_length=40, blank=True, db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["action", "position"], name="tenants_bulkitem_once")
        ]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.outcome}"
