"""Complete settings of production, and a process that starts with them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = {
    "MTP_ENVIRONMENT": "production",
    "SECRET_KEY": "signs-sessions-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ENCRYPTION_KEYS": "encrypts-secrets-0123456789-abcdefghijklmnopqrstuvwxyz",
    "PAYMENT_LINK_KEYS": "signs-payment-links-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SITE_URL": "https://portal.example",
    "ALLOWED_HOSTS": "portal.example",
    "TRUSTED_PROXY_COUNT": "1",
    "DATABASE_URL": "postgres://u:p@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "EMAIL_URL": "smtp+tls://u:p@127.0.0.1:1",
    "DEFAULT_FROM_EMAIL": "Portal <billing@portal.example>",
    "SUPPORT_EMAIL": "support@portal.example",
    "STRIPE_API_KEY": "sk_live_x",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "SELLER_NAME": "Portal Inc.",
    "SELLER_ADDRESS": "1 Street,Denver",
    "SELLER_COUNTRY": "US",
    "SELLER_TAX_ID": "US 1",
    "SELLER_EMAIL": "billing@portal.example",
}


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and no variables but these; without, load the web server."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, *(arguments or ("-c", "import mtp.wsgi"))],
        env={**inherited, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
