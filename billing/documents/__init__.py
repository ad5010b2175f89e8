"""Invoices as documents: rendered once, kept as bytes with their SHA-256 (docs/decisions/0007)."""

from billing.documents.store import (
    BeforeCutoff,
    DocumentDamaged,
    DocumentNotReady,
    cutoff_date,
    document,
    document_bytes,
    is_before_cutoff,
    render_documents,
    request_documents,
)

__all__ = [
    "BeforeCutoff",
    "DocumentDamaged",
    "DocumentNotReady",
    "cutoff_date",
    "document",
    "document_bytes",
    "is_before_cutoff",
    "render_documents",
    "request_documents",
]
