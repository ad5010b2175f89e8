"""PDFs of account statements."""

from django.db import models


class StatementDocument(models.Model):
    """The PDF of an account statement, found by the digest of its page; kept for some days.

    A statement is computed whenever it is read (docs/decisions/0056): what it says now has another
    digest than what it said before, so an old PDF is never handed out for it.
    """

    page_digest = models.CharField(max_length=64, unique=True)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Account statement {self.page_digest[:8]}"
