"""The environment of every template of ours: its filters and its functions."""

from collections.abc import Callable
from typing import Any

from django.contrib.humanize.templatetags.humanize import ordinal
from django.template.defaultfilters import linebreaksbr
from django.utils.text import capfirst
from django.utils.timesince import timesince
from django_htmx.jinja import htmx_script
from jinja2 import Environment, StrictUndefined, select_autoescape

from billing.contracts.licenses import licenses_left
from billing.customer.addresses import country_name
from billing.money import format_amounts, format_money, format_unit_price
from core.templating.addresses import attributes, querystring, static, url
from core.templating.escaping import escape_quickly
from core.templating.icons import icon
from core.templating.values import (
    DAY_FIRST,
    current_locale,
    day,
    instant,
    mean_error,
    plural,
    quantity,
    signed,
)
from usage.explain.links import explanation_path


def _in_the_locale(show: Callable[..., str]) -> Callable[..., str]:
    """A filter that shows money in the current provider's locale."""

    def filter_(*values: Any) -> str:
        locale = current_locale()
        return show(*values, locale="en_US" if locale == DAY_FIRST else locale)

    return filter_


def environment(**options: Any) -> Environment:
    """Jinja2 as `TEMPLATES` of the settings asks for it.

    A name that is not there raises, so that a slip is found by the page's test. Names of globals
    are not to be used for values of a context, which would hide them.
    """
    options |= {"undefined": StrictUndefined, "keep_trailing_newline": True}
    del options["autoescape"]
    escape_quickly()
    # Texts of mails are no HTML; everything else is.
    made = Environment(
        autoescape=select_autoescape(disabled_extensions=["txt"], default=True), **options
    )
    made.filters |= {
        "money": _in_the_locale(format_money),
        "amounts": _in_the_locale(format_amounts),
        "unit_price": _in_the_locale(format_unit_price),
        "country_name": country_name,
        "day": day,
        "instant": instant,
        "quantity": quantity,
        "plural": plural,
        "signed": signed,
        "icon": icon,
        "capfirst": capfirst,
        "linebreaksbr": linebreaksbr,
        "ordinal": ordinal,
        "mean_error": mean_error,
        "timesince": timesince,
    }
    made.globals |= {
        "url": url,
        "static": static,
        "querystring": querystring,
        "attributes": attributes,
        "htmx_script": htmx_script,
        "licenses_left": licenses_left,
        "explanation_path": explanation_path,
    }
    return made
