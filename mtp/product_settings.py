"""Limits, days and names of the product, which environment variables may change.

`mtp.settings` reads `.env` and then imports this module; `.env.example` explains each variable.
"""

from decimal import Decimal

from mtp.environment import Environment

env = Environment()

MENU_CACHE_SECONDS: int = env.int("MENU_CACHE_SECONDS", default=20)
FORECAST_CACHE_SECONDS: int = env.int("FORECAST_CACHE_SECONDS", default=600)
API_REQUESTS_PER_MINUTE: int = env.int("API_REQUESTS_PER_MINUTE", default=600)
FREE_USER_ALLOWANCE: int = env.int("FREE_USER_ALLOWANCE", default=10)
RETRY_DAYS: list[int] = env.list("RETRY_DAYS", cast=int, default=[]) or [1, 3, 5, 7]
# Amounts by currency, in major units. A variable such as "USD=5000,HUF=900000" overrides entries.
AUTOMATIC_CHARGE_LIMITS: dict[str, Decimal] = {
    **dict.fromkeys(("CHF", "EUR", "GBP", "USD"), Decimal(4_000)),
    **dict.fromkeys(("AUD", "CAD", "NZD", "SGD"), Decimal(5_500)),
    **dict.fromkeys(("AED", "MYR", "PLN", "RON"), Decimal(16_000)),
    **dict.fromkeys(("DKK", "HKD"), Decimal(30_000)),
    **dict.fromkeys(("NOK", "SEK"), Decimal(40_000)),
    # Stripe takes eight digits, two of them decimals: not more than 999,999.99.
    **dict.fromkeys(("HUF", "UGX"), Decimal(1_000_000)),
    "BGN": Decimal(7_000),
    "BRL": Decimal(20_000),
    "CZK": Decimal(90_000),
    "INR": Decimal(330_000),
    "JPY": Decimal(600_000),
    "KWD": Decimal(1_200),
    "MXN": Decimal(70_000),
    "THB": Decimal(130_000),
    **env.dict("AUTOMATIC_CHARGE_LIMITS", cast={"value": Decimal}, default={}),
}
# Of currencies that Stripe's table does not name; the variable also overrides Stripe's table.
SMALLEST_CHARGES: dict[str, Decimal] = {
    "KWD": Decimal("0.200"),
    "UGX": Decimal(2_000),
    **env.dict("SMALLEST_CHARGES", cast={"value": Decimal}, default={}),
}
LARGEST_CHARGES: dict[str, Decimal] = env.dict(
    "LARGEST_CHARGES", cast={"value": Decimal}, default={}
)
# Closes that an amount too small for a card waits for an invoice to be carried to; then it is
# written off. 0: it is never carried, and written off at the next close.
SMALL_BALANCE_MONTHS: int = env.int("SMALL_BALANCE_MONTHS", default=12)
SELLER = {
    "name": env.str("SELLER_NAME", default="MTP Software Inc."),
    "address_lines": env.list("SELLER_ADDRESS", default=["500 Example Street", "Denver, CO 80202"]),
    "country": env.str("SELLER_COUNTRY", default="US"),
    "tax_id": env.str("SELLER_TAX_ID", default="US 00-0000000"),
    "email": env.str("SELLER_EMAIL", default="billing@mtp.example"),
    # Rows "Name: value" of the account that transfers go to.
    "bank": env.list("SELLER_BANK", default=[]),
}
# An SVG or PNG file; documents print it in place of the seller's name.
SELLER_LOGO: str = env.str("SELLER_LOGO", default="")
PAYMENT_LINK_DAYS: int = env.int("PAYMENT_LINK_DAYS", default=60)
INVOICE_DOWNLOAD_CUTOFF: str = env.str("INVOICE_DOWNLOAD_CUTOFF", default="2022-01-01")
TRANSFER_DAYS: int = env.int("TRANSFER_DAYS", default=14)
INVOICE_TERMS_DAYS: int = env.int("INVOICE_TERMS_DAYS", default=30)
# Must exceed the sum of any handler's timeouts; otherwise two workers handle one message at once.
# The directory of pg_dump and pg_restore for backups of a provider; empty: they are in PATH.
POSTGRES_BIN: str = env.str("POSTGRES_BIN", default="")
OUTBOX_LEASE_SECONDS: int = env.int("OUTBOX_LEASE_SECONDS", default=180)
# Calls in a row without an answer after which an outside service is not called for so long.
OUTSIDE_FAILURES: int = env.int("OUTSIDE_FAILURES", default=3)
OUTSIDE_PAUSE_SECONDS: int = env.int("OUTSIDE_PAUSE_SECONDS", default=60)
TERMS_VERSION: str = env.str("TERMS_VERSION", default="") or "2026-01"
CARD_EXPIRY_NOTICE_DAYS: int = env.int("CARD_EXPIRY_NOTICE_DAYS", default=30)
LEAVE_READ_ONLY_DAYS: int = env.int("LEAVE_READ_ONLY_DAYS", default=30)
EXPORT_DAYS: int = env.int("EXPORT_DAYS", default=30)
# From the removal of a user to its erasure, of providers without a period of their own.
ERASE_AFTER_DAYS: int = env.int("ERASE_AFTER_DAYS", default=1_130)
RENEWAL_NOTICE_DAYS: int = env.int("RENEWAL_NOTICE_DAYS", default=30)

# The key of the stand-ins' control API, by which their clocks follow the portal's.
STANDIN_CONTROL_KEY: str = env.str("STANDIN_CONTROL_KEY", default="")
