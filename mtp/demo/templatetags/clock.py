"""The template tag of the operations admin's start page, which links to the demo's clock."""

from django import template

from mtp.travel.journey import is_possible

register = template.Library()
register.simple_tag(is_possible, name="travels")
