"""The credentials of an Autotask API user."""

import hashlib
import json
from dataclasses import dataclass, field

from core.encryption import decrypt, encrypt


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An API user of Autotask. The secrets are in no text of this object."""

    user_name: str
    integration_code: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request."""
        return {
            "ApiIntegrationCode": self.integration_code,
            "UserName": self.user_name,
            "Secret": self.secret,
        }

    @property
    def customer_database(self) -> str:
        """A key of the database that the hourly limit belongs to, from the user's domain."""
        domain = self.user_name.rpartition("@")[2].strip().lower()
        return hashlib.sha256(domain.encode()).hexdigest()[:16]

    def encrypted(self) -> str:
        """The encrypted text to store."""
        return encrypt(json.dumps([self.user_name, self.integration_code, self.secret]))

    @classmethod
    def read(cls, stored: str) -> "Credentials":
        """The credentials in a stored text. Raises `core.encryption.SecretsUnreadable`."""
        user_name, integration_code, secret = json.loads(decrypt(stored))
        return cls(user_name=user_name, integration_code=integration_code, secret=secret)
