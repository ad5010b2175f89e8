"""The operations admin of the public schema."""

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group

from accounts.admin import packages, providers, sign_ins, users

__all__ = ["allauth_admin", "auth_admin", "packages", "providers", "sign_ins", "users"]

admin.site.index_title = "Operations"
# Neither decides anything here: rights come with roles, and logins are kept under Users.
admin.site.unregister([EmailAddress, Group])
