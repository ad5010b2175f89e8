"""The operations admin of the public schema."""

from allauth.account import admin as allauth_admin
from allauth.account.models import EmailAddress
from allauth.mfa import admin as mfa_admin
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as sessions_admin
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group

from accounts.admin import packages, providers, sign_ins, users

__all__ = [
    "allauth_admin",
    "auth_admin",
    "mfa_admin",
    "packages",
    "providers",
    "sessions_admin",
    "sign_ins",
    "users",
]

admin.site.index_title = "Operations"
# Not used: rights come with roles, and e-mail addresses are edited under Users. Factors and
# sessions belong to their person: their rows hold secrets and keys of sessions.
admin.site.unregister([EmailAddress, Group, Authenticator, UserSession])
