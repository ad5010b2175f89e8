"""Google Workspace: the admin console's download, and GAM."""

from tenants.imports.sources.source import Source, mark, plain

ADMIN = Source(
    name="Google Workspace",
    marks=(
        mark("email address;org unit path"),
        mark("first name;last name;email address;status;last sign in"),
    ),
    # "New Status" and "New Primary Email" are for uploads: they say nothing of the present.
    fields={"address": plain("email address"), "state": plain("status"), "type": ()},
    empty_is_no_activity=True,
)
GAM = Source(
    name="Google Workspace (GAM)",
    marks=(
        mark("primaryEmail;name.fullName"),
        mark("primaryEmail;orgUnitPath"),
        mark("primaryEmail;suspended"),
        mark("primaryEmail;lastLoginTime"),
    ),
    fields={
        "address": plain("primaryEmail"),
        "state": (),
        "possible_id": plain("id"),
        "type": (),
    },
    empty_is_no_activity=True,
)

USER_SOURCES = (ADMIN, GAM)
ACTIVITY_SOURCES = (ADMIN, GAM)
