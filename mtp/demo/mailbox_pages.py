"""Operations read the mails that the demo keeps in files. Production has no such pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.policies import OPERATIONS
from mtp.demo import mailbox

MAILS_PER_PAGE = 50
View = Callable[..., HttpResponse]


def _for_operations(view: View) -> View:
    """For staff only, and only where mails are kept in files: 404 elsewhere."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not mailbox.is_kept_in_files():
            raise Http404
        try:
            return view(request, **kwargs)
        except mailbox.NoSuchMail as missing:
            raise Http404 from missing

    asked: View = admin.site.admin_view(require_safe(guarded))
    asked.policy = OPERATIONS  # type: ignore[attr-defined]
    return asked


@_for_operations
def mails(request: HttpRequest) -> HttpResponse:
    """Every mail that was sent, newest first."""
    search = request.GET.get("q", "")
    found = Paginator(mailbox.headings(search=search), MAILS_PER_PAGE)
    page = found.get_page(request.GET.get("page"))
    return _page(request, "mails", title="Sent mails", page=page, q=search)


@_for_operations
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: its HTML in a frame that may do nothing, its plain text, its files."""
    kept = mailbox.mail(name=name)
    # Links open outside the frame, which may go nowhere itself.
    framed = kept.html.replace("<head>", '<head><base target="_blank">', 1)
    return _page(request, "mail", title=kept.heading.subject, mail=kept, framed=framed)


@_for_operations
def mail_enclosure(request: HttpRequest, name: str, position: int) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """A file that came with a mail."""
    enclosures = mailbox.mail(name=name).enclosures
    if position >= len(enclosures):
        raise Http404
    enclosure = enclosures[position]
    response = HttpResponse(enclosure.content, content_type=enclosure.type)
    response.headers["Content-Disposition"] = _as_file(enclosure.name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _as_file(name: str) -> str:
    plain = "".join(letter for letter in name if letter.isascii() and letter.isprintable())
    return 'attachment; filename="{}"'.format(plain.replace('"', "").replace("\\", ""))


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    shown = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"demo/{template}.html", shown)
