"""Every known source, and the one that wrote a file."""

from collections.abc import Sequence

from tenants.imports.columns import Header
from tenants.imports.sources import google, jumpcloud, microsoft, okta
from tenants.imports.sources.plain_files import PLAIN
from tenants.imports.sources.source import Source

USER_SOURCES = (
    *google.USER_SOURCES,
    *okta.USER_SOURCES,
    *jumpcloud.USER_SOURCES,
    *microsoft.USER_SOURCES,
)
ACTIVITY_SOURCES = (
    *microsoft.ACTIVITY_SOURCES,
    *google.ACTIVITY_SOURCES,
    *okta.ACTIVITY_SOURCES,
    *jumpcloud.ACTIVITY_SOURCES,
    *microsoft.USER_SOURCES,
)


def source_of(header: Header, sources: Sequence[Source]) -> Source:
    """The first source with a mark in the file, else the plain file without a name."""
    names = header.names
    return next((each for each in sources if any(mark <= names for mark in each.marks)), PLAIN)


def titles_of(source: Source, field: str) -> tuple[str, ...]:
    """The titles of a field in files of the source: its own, else those of plain files."""
    own = source.fields.get(field)
    return PLAIN.fields.get(field, ()) if own is None else own
