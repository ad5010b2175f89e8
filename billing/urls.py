"""Addresses of billing."""

from django.urls import path

from billing.views import card, webhook

urlpatterns = [
    path("account/billing/", card.billing_information, name="billing_information"),
    path("account/billing/card/", card.card_replace, name="card_replace"),
    path("account/billing/card/setup/", card.card_setup, name="card_setup"),
    path("account/billing/card/return/", card.card_return, name="card_return"),
    path("webhooks/stripe/", webhook.stripe_webhook, name="stripe_webhook"),
]
