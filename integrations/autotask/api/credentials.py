"""The three secrets of an API user."""

import hashlib
import json
from dataclasses import dataclass, field

from integrations.encryption import decrypt, encrypt


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An API user of Autotask. The secrets show in no text of this object."""

    user_name: str
    integration_code: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What signs a request in."""
        return {
            "ApiIntegrationCode": self.integration_code,
            "UserName": self.user_name,
            "Secret": self.secret,
        }

    @property
    def customer_database(self) -> str:
        """Names the database whose hourly limit is shared: that of the user's own domain."""
        domain = self.user_name.rpartition("@")[2].strip().lower()
        return hashlib.sha256(domain.encode()).hexdigest()[:16]

    def encrypted(self) -> str:
        """As it is stored."""
        return encrypt(json.dumps([self.user_name, self.integration_code, self.secret]))

    @classmethod
    def read(cls, stored: str) -> "Credentials":
        """What was stored. Raises `integrations.encryption.SecretsUnreadable`."""
        user_name, integration_code, secret = json.loads(decrypt(stored))
        return cls(user_name=user_name, integration_code=integration_code, secret=secret)
