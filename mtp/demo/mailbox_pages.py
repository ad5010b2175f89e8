"""Pages on which operations staff reads the demo's mails; production has no such pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from accounts.policies import OPERATIONS
from mtp.demo import mailbox

MAILS_PER_PAGE = 50
View = Callable[..., HttpResponse]


def _for_operations(view: View) -> View:
    """Admit operations staff only, and answer 404 where mails are not written into files."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not mailbox.uses_files():
            raise Http404
        return view(request, **kwargs)

    admin_view: View = admin.site.admin_view(require_safe(guarded))
    admin_view.policy = OPERATIONS  # type: ignore[attr-defined] # read by the test of all routes
    return admin_view


@_for_operations
def mails(request: HttpRequest) -> HttpResponse:
    """Every mail that was sent, newest first."""
    search = request.GET.get("q", "")
    paginator = Paginator(mailbox.mails(search=search), MAILS_PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    return _page(request, "mails", title="Sent mails", page=page, q=search)


@_for_operations
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: its HTML in a sandboxed frame, its plain text, its files."""
    mail = _mail(name)
    # The sandbox does not let the frame navigate, so links open in a new window.
    framed = mail.body("html").replace("<head>", '<head><base target="_blank">', 1)
    return _page(
        request, "mail", title=mail.subject, mail=mail, text=mail.body("plain"), framed=framed
    )


@_for_operations
def mail_attachment(request: HttpRequest, name: str, position: int) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """A file in a mail."""
    attachments = _mail(name).attachments
    if position >= len(attachments):
        raise Http404
    attachment = attachments[position]
    disposition = content_disposition_header(as_attachment=True, filename=attachment.name)
    return HttpResponse(
        attachment.content,
        content_type=attachment.type,
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )


def _mail(name: str) -> mailbox.Mail:
    mail = mailbox.find_mail(name)
    if mail is None:
        raise Http404
    return mail


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"demo/{template}.html", context)
