"""A contract's document as kept: rendered once by a worker, handed out only as it was rendered."""

import hashlib
import logging
from datetime import datetime

from django.conf import settings

from accounts.models import Provider
from billing.customer.profile import buyer
from billing.documents.contract_pdf import contract_html
from billing.documents.store import DocumentDamaged, DocumentNotReady
from billing.models import BillingProfile, Contract, ContractDocument
from core.schema import require_provider_schema

logger = logging.getLogger(__name__)


def contract_reference(contract: Contract, *, prefix: str) -> str:
    """How a contract is called: the provider's prefix and its first month, NORTH-C-2026-01."""
    return f"{prefix}-C-{contract.starts_on:%Y-%m}"


def render_contract_document(*, contract: Contract, provider: Provider, now: datetime) -> None:
    """Render the contract between the parties as they are now, and keep both with its SHA-256.

    Safe to run twice and by two workers at once: the first stored bytes stay, for good.
    """
    if ContractDocument.objects.filter(contract=contract).exists():
        return
    # A web process never renders, and the renderer takes 40 MB and half a second to load.
    from billing.documents.rendering import pdf_of  # noqa: PLC0415

    buying = buyer(provider=provider, profile=BillingProfile.objects.current())
    reference = contract_reference(contract, prefix=provider.invoice_prefix)
    html = contract_html(
        contract=contract,
        reference=reference,
        seller=settings.SELLER,
        buyer=buying,
        zone=provider.billing_zone(),
    )
    content = pdf_of(html=html, identifier=reference)
    ContractDocument.objects.bulk_create(
        [
            ContractDocument(
                contract=contract,
                seller=settings.SELLER,
                buyer=buying,
                content=content,
                sha256=hashlib.sha256(content).hexdigest(),
                rendered_at=now,
            )
        ],
        ignore_conflicts=True,
    )


def contract_document(*, contract: Contract) -> ContractDocument:
    """The stored document, its bytes checked against their SHA-256.

    Raises `DocumentNotReady`, and `DocumentDamaged`, which is logged as an error. Never renders.
    """
    kept = ContractDocument.objects.filter(contract=contract).first()
    if kept is None:
        raise DocumentNotReady
    kept.content = content = bytes(kept.content)
    if hashlib.sha256(content).hexdigest() != kept.sha256:
        logger.error(
            "The document of contract %s in %s is damaged.", contract.pk, require_provider_schema()
        )
        raise DocumentDamaged(f"The stored PDF of contract {contract.pk} is not the one rendered.")
    return kept
