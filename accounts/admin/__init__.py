"""The operations admin of the public schema."""

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group

from accounts.admin import packages, providers, sign_ins, users

__all__ = ["allauth_admin", "auth_admin", "packages", "providers", "sign_ins", "users"]

admin.site.index_title = "Operations"
# Not used: rights come with roles, and e-mail addresses are edited under Users.
admin.site.unregister([EmailAddress, Group])
