"""The template tag of the operations admin's start page, which links to the demo's mails."""

from django import template

from mtp.demo.mailbox import uses_files

register = template.Library()
register.simple_tag(uses_files, name="mails_are_in_files")
