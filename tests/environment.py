"""Environment of the tests, loaded before the settings (`-p tests.environment`)."""

import os

DEFAULTS = {
    "SECRET_KEY": "only-for-tests",
    "MTP_ENVIRONMENT": "test",
    "STRIPE_API_KEY": "sk_test_mtp",
    "STRIPE_WEBHOOK_SECRET": "whsec_test",
    "EMAIL_URL": "memorymail://",
    "SITE_URL": "http://testserver",
}

for name, value in DEFAULTS.items():
    os.environ.setdefault(name, value)
