"""The check of migrations refuses what its kind of step must not do (docs/decisions/0040)."""

import pytest
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RemoveField
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import AutoField, CharField

from tests.architecture.migration_lint import TAKES_AWAY, Contract, Expand, still_required

NULLABLE = 'ALTER TABLE "t" ADD COLUMN "c" text NULL'
DEFAULT = 'ALTER TABLE "t" ADD COLUMN "c" integer DEFAULT 0 NOT NULL'
TABLE = 'CREATE TABLE "n" ("id" bigint NOT NULL PRIMARY KEY)'
NOT_VALID = 'ALTER TABLE "t" ADD CONSTRAINT "k" CHECK ("c" > 0) NOT VALID'
CHECKED = 'ALTER TABLE "t" ADD CONSTRAINT "k" CHECK ("c" > 0)'
FOREIGN = 'ALTER TABLE "t" ADD CONSTRAINT "f" FOREIGN KEY ("c") REFERENCES "n" ("id")'
OF_NEW_TABLE = 'ALTER TABLE "n" ADD CONSTRAINT "f" FOREIGN KEY ("c") REFERENCES "t" ("id")'
OPTIONAL = 'ALTER TABLE "t" ALTER COLUMN "c" DROP NOT NULL'
REQUIRED = 'ALTER TABLE "t" ALTER COLUMN "c" SET NOT NULL'
DROPPED, GONE = 'ALTER TABLE "t" DROP COLUMN "c" CASCADE', 'DROP TABLE "t" CASCADE'
UNIQUE = 'ALTER TABLE "t" ADD CONSTRAINT "u" UNIQUE ("c")'
RENAMED, RETYPED = (
    'ALTER TABLE "t" RENAME COLUMN "c" TO "d"',
    'ALTER TABLE "t" ALTER COLUMN "c" TYPE text',
)


def errors(analyser: type, excluded: tuple[str, ...], *statements: str) -> set[str]:
    analysis = analyser(excluded)
    analysis.analyse(list(statements))
    return {issue.code for issue in analysis.errors}


@pytest.mark.parametrize(
    "statements",
    [(NULLABLE,), (DEFAULT,), (TABLE,), (NOT_VALID,), (TABLE, OF_NEW_TABLE), (OPTIONAL,)],
)
def test_an_expand_step_adds_what_the_previous_release_need_not_know(
    statements: tuple[str, ...],
) -> None:
    assert errors(Expand, (), *statements) == set()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (DROPPED, "DROP_COLUMN"),
        (GONE, "DROP_TABLE"),
        (REQUIRED, "NOT_NULL"),
        (UNIQUE, "ADD_UNIQUE"),
        (CHECKED, "ADD_CONSTRAINT"),
        (FOREIGN, "ADD_CONSTRAINT"),
    ],
)
def test_taking_away_is_refused_in_an_expand_step_and_allowed_in_a_contract_step(
    statement: str, code: str
) -> None:
    assert errors(Expand, (), statement) == {code}
    assert errors(Contract, TAKES_AWAY, statement) == set()


@pytest.mark.parametrize("statement", [NULLABLE, DEFAULT, TABLE])
def test_a_contract_step_adds_nothing(statement: str) -> None:
    assert errors(Contract, TAKES_AWAY, statement) == {"ADDITION"}


@pytest.mark.parametrize(
    ("statement", "code"), [(RENAMED, "RENAME_COLUMN"), (RETYPED, "ALTER_COLUMN")]
)
def test_renames_and_changes_of_type_are_refused_in_both(statement: str, code: str) -> None:
    assert errors(Expand, (), statement) == errors(Contract, TAKES_AWAY, statement) == {code}


class Planned:
    """A loader with one contract step, which drops a column of this kind."""

    def __init__(self, column: CharField) -> None:
        self._column = column
        self.graph = MigrationLoader(None, load=False)
        self.graph.nodes = {("tenants", "0009_contract_word"): self}
        self.operations = [RemoveField("Organization", "word")]

    def project_state(self, key: tuple[str, str], *, at_end: bool) -> ProjectState:
        assert not at_end
        state = ProjectState()
        fields = [("id", AutoField(primary_key=True)), ("word", self._column)]
        state.add_model(ModelState(key[0], "Organization", fields))
        return state


def test_a_column_is_optional_before_it_is_dropped() -> None:
    apps = ("tenants",)
    (fault,) = still_required(Planned(CharField()), apps)
    assert "Organization.word is required" in fault
    assert list(still_required(Planned(CharField(null=True)), apps)) == []
    assert list(still_required(Planned(CharField(db_default="")), apps)) == []
