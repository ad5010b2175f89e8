"""A visible change of a document needs a new layout version."""

from tests.billing.golden_documents import folder, rendered_documents


def test_documents_of_the_current_layout_version_are_unchanged() -> None:
    golden = {file.name: file.read_bytes().decode() for file in folder().iterdir()}
    assert rendered_documents() == golden, (
        "Undo the change, or raise LAYOUT_VERSION and run "
        "`python -m tests.billing.golden_documents`."
    )
