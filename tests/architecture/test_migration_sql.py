"""The SQL of a released migration never changes: older installations would differ from new ones.

`sql/released.sha256` beside the migrations lists each file as `sha256sum` prints it. A new file is
added there with its migration (see `core/sql_migrations.py`).
"""

import hashlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path for path in ROOT.glob("*/migrations/sql") if path.is_dir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
def test_no_released_sql_file_has_changed(folder: Path) -> None:
    lines = (folder / "released.sha256").read_text().splitlines()
    released = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.sql")
    }
    assert found == released, "Undo the edit and put the change into a new migration."


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
def test_every_sql_file_belongs_to_a_migration(folder: Path) -> None:
    migrations = {file.stem for file in folder.parent.glob("0*.py")}
    assert {file.stem.removesuffix("_reverse") for file in folder.glob("*.sql")} <= migrations
