"""How a person looks at the list of organizations: the columns they chose, the views they saved."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

LONGEST_VIEW_NAME = 60


class ChosenColumns(models.Model):
    """The columns of the list of organizations that a person chose; without a row, the usual ones.

    Keys of `billing.pages.organization_table.columns`; one that is gone, or that the person may not
    see any more, is left out when it is read.
    """

    user_id = models.BigIntegerField(unique=True)
    columns = ArrayField(models.CharField(max_length=20))

    def __str__(self) -> str:
        return f"{self.user_id}: {', '.join(self.columns)}"


class SavedView(models.Model):
    """A person's name for a state of the list of organizations: search, filters, sort, columns.

    `query` is the list's query string, so a view is a link. It is only ever the person's own, and
    gives no right: who opens the link sees what they may see.
    """

    user_id = models.BigIntegerField()
    name = models.CharField(max_length=LONGEST_VIEW_NAME)
    query = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user_id", "name"], name="tenants_savedview_one_name_each"
            )
        ]

    def __str__(self) -> str:
        return self.name
