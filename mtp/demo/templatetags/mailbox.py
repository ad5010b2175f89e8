"""Whether there are mails to read, for the operations admin's start page."""

from django import template

from mtp.demo.mailbox import is_kept_in_files

register = template.Library()


@register.simple_tag
def mails_are_kept() -> bool:
    """Whether mails go into files here."""
    return is_kept_in_files()
