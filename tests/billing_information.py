"""Form data of Billing Information, complete enough to add a card."""

import re

BILLING_INFORMATION = {
    "mailing_name": "North Managed IT",
    "mailing-country": "US",
    "mailing-street_address": "500 Example Street",
    "mailing-city": "Denver",
    "mailing-country_area": "CO",
    "mailing-postal_code": "80202",
    "is_same_as_mailing": "on",
    "legal_name": "North Managed IT, LLC",
    "contact_emails": "billing@north.example",
    "terms": "on",
}


def with_agreement(page: str) -> dict[str, str]:
    """The form data of a person who read the agreement on the card page, if it shows one."""
    shown = re.search(r'name="agreement" value="([0-9a-f]{64})"', page)
    return BILLING_INFORMATION | ({"agreement": shown[1]} if shown else {})
