"""Operations' pages of billing; importing them registers them."""

from billing.admin import contracts, payments

__all__ = ["contracts", "payments"]
