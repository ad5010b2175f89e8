"""URLs of the demo's mail pages, below `operations/mails/`."""

from django.urls import path

from mtp.demo import mailbox_pages

urlpatterns = [
    path("", mailbox_pages.mails, name="operations_mails"),
    path("<str:name>/", mailbox_pages.mail, name="operations_mail"),
    path(
        "<str:name>/<int:position>/",
        mailbox_pages.mail_attachment,
        name="operations_mail_attachment",
    ),
]
