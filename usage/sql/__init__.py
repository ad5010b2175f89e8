"""Long SQL statements of usage, one file each."""

from pathlib import Path


def statement(name: str) -> str:
    """The content of `name`.sql in this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
