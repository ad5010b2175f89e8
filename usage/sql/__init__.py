"""SQL of usage that is too long to stand among Python."""

from pathlib import Path


def statement(name: str) -> str:
    """The text of the file `name`.sql in this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")


def metering_functions() -> str:
    """The functions of metering.sql without their triggers: a later migration replaces them."""
    functions, _, rest = statement("metering").partition("CREATE TRIGGER")
    search_path_as_before = rest[rest.rindex("SELECT set_config") :]
    return functions + search_path_as_before
