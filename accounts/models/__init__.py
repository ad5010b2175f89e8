"""Providers, logins, packages and packs: the public schema."""

from accounts.models.api_keys import ApiKey, ApiKeyCaller
from accounts.models.erased_users import ErasedUser
from accounts.models.figures import ProviderFigures
from accounts.models.former_customers import FormerStripeCustomer
from accounts.models.invitations import Invitation
from accounts.models.issued_documents import HighestId, IssuedDocument
from accounts.models.packages import Offer, OfferPrice, Package, PackagePrice
from accounts.models.people import (
    OPERATIONS_PROVIDER_KEY,
    SignInEvent,
    User,
    UserManager,
)
from accounts.models.provider import Domain, Provider
from accounts.models.psa_services import PsaServiceClaim
from accounts.models.rounds import ChangeCount, ProviderChange, RoundLook

__all__ = [
    "OPERATIONS_PROVIDER_KEY",
    "ApiKey",
    "ApiKeyCaller",
    "ChangeCount",
    "Domain",
    "ErasedUser",
    "FormerStripeCustomer",
    "HighestId",
    "Invitation",
    "IssuedDocument",
    "Offer",
    "OfferPrice",
    "Package",
    "PackagePrice",
    "Provider",
    "ProviderChange",
    "ProviderFigures",
    "PsaServiceClaim",
    "RoundLook",
    "SignInEvent",
    "User",
    "UserManager",
]
