"""A document that would look or read otherwise than before needs a new layout version."""

from tests.billing.golden_documents import folder, rendered_documents


def test_documents_of_this_layout_version_are_rendered_as_before() -> None:
    golden = {file.name: file.read_bytes().decode() for file in folder().iterdir()}
    assert rendered_documents() == golden, (
        "Undo the change, or raise LAYOUT_VERSION and run "
        "`python -m tests.billing.golden_documents`."
    )
