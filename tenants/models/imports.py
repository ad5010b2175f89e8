"""Imports and their refused lines."""

from typing import ClassVar

from django.db import models

from tenants.models.organizations import Organization


class ImportRun(models.Model):
    """One uploaded file, from its check to its result.

    `checked_lines` and `applied_through` (the number of the last added or refused line) are its
    progress. The latter is written in the transaction that adds the lines, so that another worker
    continues where a killed one stopped; so is `gone_at` with the people who are not in a synced
    file. `changed` lines change a user who is there: of a checked file those that will, later those
    that did; `renamed` are some of them. `lines` counts lines that are not empty. Lines are
    numbered like the rows of a spreadsheet.

    `options` are `ReadingOptions` as JSON, by which the file was read; `report` is the dry run's
    `Report` as JSON. It names people, so it is emptied together with `content`. `problem` says why
    a file can't be read, or why nothing was imported (docs/decisions/0051).
    """

    class Kind(models.TextChoices):
        """The content of the lines."""

        USERS = "users", "Users"
        DEVICES = "devices", "Devices"
        ACTIVITY = "activity", "Activity"

    class State(models.TextChoices):
        """The state; the last three are final. A file that is not readable can be checked again."""

        CHECKING = "checking", "Being checked"
        NOT_READABLE = "not_readable", "Not readable"
        CHECKED = "checked", "Waiting for confirmation"
        APPLYING = "applying", "Being imported"
        IMPORTED = "imported", "Imported"
        NOTHING_IMPORTED = "nothing_imported", "Nothing imported"
        DISCARDED = "discarded", "Discarded"

    class Mode(models.TextChoices):
        """The treatment of good lines when others are refused."""

        ALL_OR_NOTHING = "all_or_nothing", "All or nothing"
        GOOD_LINES = "good_lines", "Good lines only"

    class Purpose(models.TextChoices):
        """What an import of users does to the organization."""

        ADD = "add", "Add and change"
        SYNC = "sync", "Make the organization equal to this file"

    class Gone(models.TextChoices):
        """What a sync does with users who are not in the file."""

        REMOVE = "remove", "Remove them"
        SUSPEND = "suspend", "Suspend them"

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=20, choices=State, default=State.CHECKING)
    mode = models.CharField(max_length=20, choices=Mode, blank=True)
    purpose = models.CharField(
        max_length=10, choices=Purpose, default=Purpose.ADD, db_default=Purpose.ADD
    )
    gone_are = models.CharField(max_length=10, choices=Gone, blank=True, db_default="")
    gone_confirmed = models.PositiveIntegerField(default=0, db_default=0)
    problem = models.CharField(max_length=500, blank=True, db_default="")
    options = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    report = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()
    encoding = models.CharField(max_length=20)
    source = models.CharField(max_length=40, blank=True)
    columns_used = models.JSONField(default=list)
    lines = models.PositiveIntegerField()
    checks = models.PositiveSmallIntegerField(default=1)
    checked_lines = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    applied_through = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0, db_default=0)
    renamed = models.PositiveIntegerField(default=0, db_default=0)
    unchanged = models.PositiveIntegerField(default=0, db_default=0)
    left_out = models.PositiveIntegerField(default=0, db_default=0)
    gone = models.PositiveIntegerField(default=0, db_default=0)
    gone_at = models.DateTimeField(null=True)
    says_state = models.BooleanField(default=False, db_default=False)
    started_at = models.DateTimeField()
    started_by_id = models.BigIntegerField(null=True)
    started_by_name = models.CharField(max_length=200)
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.BigIntegerField(null=True)
    decided_by_name = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="tenants_importrun_latest")
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.kind})"

    @property
    def noun(self) -> str:
        """The content of one line: user, device, activity."""
        return {"users": "user", "devices": "device"}.get(self.kind, "activity")

    @property
    def nouns(self) -> str:
        """The plural of `noun`."""
        return {"activity": "activities"}.get(self.noun, f"{self.noun}s")

    @property
    def done(self) -> str:
        """The participle for an imported line: added, recorded."""
        return "recorded" if self.kind == self.Kind.ACTIVITY else "added"

    @property
    def is_working(self) -> bool:
        """True while a worker checks or applies the file."""
        return self.state in (self.State.CHECKING, self.State.APPLYING)

    @property
    def waits(self) -> bool:
        """True while a person is to decide about the file."""
        return self.state in (self.State.CHECKED, self.State.NOT_READABLE)

    @property
    def good_lines(self) -> int:
        """The number of lines that count and were not refused."""
        return max(0, self.lines - self.refused - self.left_out)

    @property
    def faulty(self) -> int:
        """The number of lines that are refused for another reason than that nothing changes."""
        if self.purpose == self.Purpose.SYNC:
            return self.refused
        return max(0, self.refused - self.unchanged)

    @property
    def new_lines(self) -> int:
        """The number of good lines of a checked file that add a member."""
        return self.good_lines - self.changed

    @property
    def decided_lines(self) -> int:
        """The number of lines added, changed, refused or left out so far, while it is applied."""
        return self.added + self.changed + self.refused + self.left_out


class RememberedReading(models.Model):
    """How a person chose to have an organization's files of one kind and source read.

    `options` are `ReadingOptions` as JSON; `source` is the name of the tool, empty for plain files.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=10, choices=ImportRun.Kind)
    source = models.CharField(max_length=40, blank=True)
    options = models.JSONField(default=dict)
    chosen_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "kind", "source"], name="tenants_rememberedreading_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source or 'plain file'} ({self.kind})"


class Reason(models.TextChoices):
    """The reason why a line is refused."""

    NO_EMAIL = "no_email", "No e-mail address"
    BAD_EMAIL = "bad_email", "Not an e-mail address"
    NO_SERIAL_NUMBER = "no_serial_number", "No serial number"
    NO_NAME = "no_name", "No name"
    TOO_LONG = "too_long", "Too long"
    UNSEEN_CHARACTERS = "unseen_characters", "Characters that can’t be seen"
    TOO_MANY_CELLS = "too_many_cells", "More cells than columns"
    TWICE_IN_FILE = "twice_in_file", "Twice in this file"
    ALREADY_THERE = "already_there", "Already there"
    ADDRESS_TAKEN = "address_taken", "Another user has the new address"
    OVER_CAP = "over_cap", "Over the user cap"
    OVER_ALLOWANCE = "over_allowance", "Over the free allowance"
    OVER_ACCOUNT_LIMIT = "over_account_limit", "Over the maximum of users"
    NO_USER = "no_user", "No user named"
    NO_INSTANT = "no_instant", "No day or instant"
    BAD_INSTANT = "bad_instant", "Not a day or instant"
    UNKNOWN_USER = "unknown_user", "No such user"
    REMOVED_USER = "removed_user", "Removed by then"
    IN_THE_FUTURE = "in_the_future", "In the future"
    BEFORE_ORGANIZATION = "before_organization", "Before the organization was created"
    OVER_THRESHOLD = "over_threshold", "Over the threshold of active users"
    ORGANIZATION_REMOVED = "organization_removed", "The organization was removed"
    PROVIDER_LEFT = "provider_left", "The account is read-only"


class RefusedLine(models.Model):
    """A line that was not, or would not be, imported.

    `subject` is its e-mail address or serial number, `first_line` the line with the same one.
    """

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="refused_lines", db_index=False
    )
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=30, choices=Reason)
    subject = models.CharField(max_length=200, blank=True)
    first_line = models.PositiveIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "line"], name="tenants_refusedline_once")
        ]

    def __str__(self) -> str:
        return f"line {self.line}: {self.explanation}"

    @property
    def explanation(self) -> str:
        """The reason in words."""
        reason = self.get_reason_display()
        return f"{reason}, first in line {self.first_line}" if self.first_line else reason
