"""Form data of Billing Information, complete enough to add a card."""

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
