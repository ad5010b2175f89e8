"""The golden documents: fixed, unsaved invoices and a contract, as this release renders them.

After an intended change of a document, raise LAYOUT_VERSION, then

    python -m tests.billing.golden_documents

writes the folder of the new version. It never overwrites one: an issued document keeps its layout.
"""

import hashlib
import os
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

GOLDEN = Path(__file__).parent / "golden_documents"


PAY_URL = "http://testserver/pay/WyI1ZDM4YzE3MC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDAiLDcsMTgyNV0:x/"


IN_THE_US: dict[str, object] = {
    "collection": "automatic",
    "tax_name": "",
    "tax_rate": Decimal(0),
    "tax_minor": 0,
    "total_minor": 174_600,
    "due_date": date(2026, 11, 1),
    "billing_time_zone": "America/Denver",
    "period_starts_at": datetime(2026, 10, 1, 6, tzinfo=UTC),
    "period_ends_at": datetime(2026, 11, 1, 6, tzinfo=UTC),
    "buyer": {
        "name": "Westwind Managed Services LLC",
        "address_lines": ["1 Main Street", "Springfield, IL 62701"],
        "country": "US",
    },
    "contract_summary": {"package_name": "Business Protection", "card": "Visa ending in 4242"},
}


def folder() -> Path:
    """The folder of the current layout version."""
    from billing.documents.fingerprint import LAYOUT_VERSION

    return GOLDEN / f"layout-{LAYOUT_VERSION}"


def rendered_documents() -> dict[str, str]:
    """The documents as text by file name, and the digests of styles and fonts."""
    from billing.documents.invoice_csv import invoice_csv
    from billing.documents.invoice_pdf import invoice_html
    from tests.billing.invoice_contents import invoice_with

    documents = {
        "styles_and_fonts.sha256": _styles_and_fonts(),
        "contract.html": _contract("sum_of_peaks"),
        "contract_all_together.html": _contract("all_together"),
        "receipt.html": _receipt(is_paid_in_full=True, owed_minor=0),
        "receipt_of_a_part.html": _receipt(is_paid_in_full=False, owed_minor=5_000),
    }
    for name, count, kind in (
        ("usage", 12, "usage"),
        ("overage", 12, "overage"),
        ("annex", 45, "usage"),
        ("all_together", 12, "overage"),
        ("all_together_annex", 45, "overage"),
    ):
        invoice, lines = invoice_with(
            count=count, kind=kind, is_combined=name.startswith("all_together")
        )
        documents[f"{name}.html"] = invoice_html(invoice=invoice, lines=lines, pay_url=PAY_URL)
        documents[f"{name}.csv"] = invoice_csv(invoice=invoice, lines=lines).decode("utf-8-sig")
    invoice, lines = invoice_with(count=12, **IN_THE_US)
    documents["usage_in_the_us.html"] = invoice_html(invoice=invoice, lines=lines, pay_url=PAY_URL)
    return documents


def _styles_and_fonts() -> str:
    from billing.documents.fonts import FONTS
    from billing.documents.rendering import STYLES

    files = [STYLES, *sorted(FONTS.glob("*.[to]tf")), FONTS / "fonts.conf"]
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files
    )


def _contract(commitment_basis: str) -> str:
    from billing.choices import ContractKind
    from billing.documents.contract import contract_html
    from billing.models import Contract
    from tests.billing.invoice_contents import invoice_with

    invoice, _ = invoice_with(count=1)
    contract = Contract(
        kind=ContractKind.COMMITTED,
        package_name="Business Protection",
        package_contents=["Mail security", "Backup"],
        metric="users",
        currency="USD",
        unit_price=Decimal("3.2500"),
        committed_quantity=500,
        commitment_basis=commitment_basis,
        starts_on=date(2026, 1, 1),
        ends_on=date(2027, 1, 1),
        agreed_at=datetime(2025, 12, 3, 9, 30, tzinfo=UTC),
        payment_terms_days=30,
        automatic_limit_minor=400_000,
    )
    return contract_html(
        contract=contract,
        reference="NORTH-C1",
        seller=invoice.seller,
        buyer=invoice.buyer,
        zone=ZoneInfo("Europe/Berlin"),
        acceptance=[
            ("Accepted by", "Bill Biller"),
            ("Accepted on", "3 Dec 2025, 10:30:00"),
            (
                "Terms of service",
                "Version 2025-01, accepted by Bill Biller on 3 Dec 2025",
            ),
        ],
    )


def _receipt(*, is_paid_in_full: bool, owed_minor: int) -> str:
    from billing.documents.receipt import receipt_html
    from billing.models import Payment, PaymentReceipt
    from tests.billing.invoice_contents import invoice_with

    invoice, _ = invoice_with(count=3)
    payment = Payment(
        invoice=invoice,
        method=Payment.Method.CARD,
        amount_minor=invoice.total_minor - owed_minor,
        currency="USD",
        received_at=datetime(2026, 11, 1, 0, 10, tzinfo=UTC),
        card_brand="visa",
        card_last_four="4242",
    )
    receipt = PaymentReceipt(
        payment=payment,
        is_paid_in_full=is_paid_in_full,
        deducted_minor=0,
        paid_by_others_minor=0,
        owed_minor=owed_minor,
    )
    return receipt_html(receipt, reference=f"{invoice.number}-R1")


def main() -> int:
    """Write the folder of the current layout version; 1 where it exists."""
    import django

    import tests.environment  # noqa: F401 - the site address that is part of the documents

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")
    django.setup()
    if folder().exists():
        print(f"{folder().name} exists. Raise LAYOUT_VERSION first.")
        return 1
    folder().mkdir(parents=True)
    for name, content in rendered_documents().items():
        (folder() / name).write_text(content, encoding="utf-8", newline="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
