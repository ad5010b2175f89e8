"""Limits, days and names of the product, which environment variables may change.

`mtp.settings` reads `.env` and then imports this module; `.env.example` explains each variable.
"""

import environ

env = environ.Env()

MENU_CACHE_SECONDS: int = env.int("MENU_CACHE_SECONDS", default=20)
API_REQUESTS_PER_MINUTE: int = env.int("API_REQUESTS_PER_MINUTE", default=600)
FREE_USER_ALLOWANCE: int = env.int("FREE_USER_ALLOWANCE", default=10)
RETRY_DAYS: list[int] = env.list("RETRY_DAYS", cast=int, default=[]) or [1, 3, 5, 7]
AUTOMATIC_CHARGE_LIMIT_MINOR: int = env.int("AUTOMATIC_CHARGE_LIMIT_MINOR", default=400_000)
SELLER = {
    "name": env.str("SELLER_NAME", default="MTP Software Inc."),
    "address_lines": env.list("SELLER_ADDRESS", default=["500 Example Street", "Denver, CO 80202"]),
    "country": env.str("SELLER_COUNTRY", default="US"),
    "tax_id": env.str("SELLER_TAX_ID", default="US 00-0000000"),
    "email": env.str("SELLER_EMAIL", default="billing@mtp.example"),
}
PAYMENT_LINK_DAYS: int = env.int("PAYMENT_LINK_DAYS", default=60)
INVOICE_DOWNLOAD_CUTOFF: str = env.str("INVOICE_DOWNLOAD_CUTOFF", default="2022-01-01")
INVOICE_TERMS_DAYS: int = env.int("INVOICE_TERMS_DAYS", default=30)
# Must exceed the sum of any handler's timeouts; otherwise two workers handle one message at once.
# The directory of pg_dump and pg_restore for backups of a provider; empty: they are in PATH.
POSTGRES_BIN: str = env.str("POSTGRES_BIN", default="")
OUTBOX_LEASE_SECONDS: int = env.int("OUTBOX_LEASE_SECONDS", default=180)
TERMS_VERSION: str = env.str("TERMS_VERSION", default="") or "2026-01"
CARD_EXPIRY_NOTICE_DAYS: int = env.int("CARD_EXPIRY_NOTICE_DAYS", default=30)
RENEWAL_NOTICE_DAYS: int = env.int("RENEWAL_NOTICE_DAYS", default=30)
