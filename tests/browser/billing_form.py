"""Filling the Billing Information form in a browser."""

from playwright.sync_api import Page


def complete(page: Page) -> None:
    """Fill the required fields with an address in Denver, and accept the terms."""
    # The scripts have run by then: an earlier choice of a country would fetch no fields.
    page.wait_for_load_state("load")
    page.get_by_label("Country*").first.select_option("US")
    page.get_by_label("State*").select_option("CO")
    page.get_by_label("Street address*").fill("500 Example Street")
    page.get_by_label("City*").fill("Denver")
    page.get_by_label("ZIP code*").fill("80202")
    page.get_by_label("I accept the").check()
