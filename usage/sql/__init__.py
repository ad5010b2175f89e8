"""SQL of usage that is too long to stand among Python."""

from pathlib import Path


def statement(name: str) -> str:
    """The text of the file `name`.sql in this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
