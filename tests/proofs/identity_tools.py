"""The tools of the proof of identities: what each export's columns say about an account."""

import random
from dataclasses import replace

from tests.proofs.identity_files import Cells, Dialect, Spell, Tool
from tests.proofs.identity_people import Account, Status
from tests.proofs.identity_spellings import Mailbox, punycode


def _stamp(account: Account) -> str:
    return f"{account.deleted_at:%Y-%m-%d %H:%M:%S}Z" if account.deleted_at else ""


def _id(account: Account, directory: str) -> str:
    return account.ids[directory][-1]


def _in_ascii(mailbox: Mailbox) -> str:
    return f"{mailbox.local}@{punycode(mailbox.domain)}"


def _principal_name(account: Account, spell: Spell) -> str:
    """The user principal name; that of a guest is made of its address."""
    if account.status == Status.GUEST:
        return f"{account.mailbox.address.replace('@', '_')}#EXT#@tenant.onmicrosoft.example"
    return spell(account.mailbox)


def _admin_center(dice: random.Random, account: Account, spell: Spell, dialect: Dialect) -> Cells:
    status = account.status
    is_blocked = status in {Status.SUSPENDED, Status.SHARED}
    is_shared = status == Status.SHARED
    no_license = {Status.UNLICENSED, Status.SHARED, Status.GUEST}
    is_closing = status == Status.SUSPENDED and dice.random() < 0.3
    display = f"{account.first} {account.last} (shared mailbox)" if is_shared else account.name
    proxies = [f"smtp:{_in_ascii(each)}" for each in account.earlier]
    return {
        "Block credential": dialect.yes if is_blocked else dialect.no,
        "City": dice.choice(("", "Bellevue")),
        "Display name": dice.choice((display, display, f"{account.last}, {account.first}"))
        if not is_shared
        else display,
        "First name": "" if is_shared else account.first,
        "Last name": "" if is_shared else account.last,
        "Licenses": "Unlicensed" if status in no_license or is_closing else "E3",
        "Object Id": _id(account, "entra"),
        "Proxy addresses": "+".join([f"SMTP:{_in_ascii(account.mailbox)}", *proxies]),
        "Soft deletion time stamp": _stamp(account),
        "State": dice.choice(("", "WA", "CO")),
        "Street address": dice.choice(("", "205 108th Ave NE\nSuite 400", "Disabled Vets Rd")),
        "User principal name": _principal_name(account, spell),
    }


def _entra(dice: random.Random, account: Account, spell: Spell, dialect: Dialect) -> Cells:
    is_guest = account.status == Status.GUEST
    mail = account.mail or (account.mailbox if dice.random() < 0.7 else None)
    return {
        "userPrincipalName": _principal_name(account, spell),
        "displayName": account.name,
        "surname": account.last,
        "mail": spell(mail) if mail else "",
        "givenName": account.first,
        "id": _id(account, "entra"),
        "userType": "Guest" if is_guest else "Member",
        "accountEnabled": dialect.no if account.status == Status.SUSPENDED else dialect.yes,
        "state": "" if is_guest else dice.choice(("", "CO", "TX")),
        "creationType": "Invitation" if is_guest else "",
        "invitationState": "PendingAcceptance" if is_guest else "",
    }


def _gam(_: random.Random, account: Account, spell: Spell, dialect: Dialect) -> Cells:
    is_deleted = account.status == Status.DELETED
    return {
        "primaryEmail": spell(account.mailbox),
        "id": _id(account, "google"),
        "archived": dialect.yes if account.status == Status.ARCHIVED else dialect.no,
        "creationTime": "2024-01-01T00:00:00.000Z",
        "deletionTime": f"{account.deleted_at:%Y-%m-%dT%H:%M:%S}.000Z" if is_deleted else "",
        "name.familyName": account.last,
        "name.fullName": account.name,
        "name.givenName": account.first,
        "orgUnitPath": "/",
        "suspended": dialect.yes
        if is_deleted or account.status == Status.SUSPENDED
        else dialect.no,
    }


def _google(dice: random.Random, account: Account, spell: Spell, _: Dialect) -> Cells:
    words = {Status.SUSPENDED: "Suspended", Status.ARCHIVED: "Archived"}
    return {
        "First Name [Required]": account.first,
        "Last Name [Required]": account.last,
        "Email Address [Required]": spell(account.mailbox),
        "Password [Required]": "****",
        "Org Unit Path [Required]": "/",
        "Status [READ ONLY]": words.get(account.status, "Active"),
        "Last Sign In [READ ONLY]": dice.choice(("Never logged in", "2026/03/01 10:11:12")),
        "Work Address": dice.choice(("", "1 Main St\nFloor 2")),
    }


_OKTA_WORDS = {
    Status.ACTIVE: ("ACTIVE", "ACTIVE", "PASSWORD_EXPIRED", "RECOVERY"),
    Status.SUSPENDED: "SUSPENDED",
    Status.LOCKED: "LOCKED_OUT",
    Status.STAGED: "STAGED",
    Status.DELETED: "DEPROVISIONED",
}


def _rockstar(dice: random.Random, account: Account, spell: Spell, _: Dialect) -> Cells:
    words = _OKTA_WORDS[account.status]
    return {
        "User Id": _id(account, "okta"),
        "First Name": account.first,
        "Last Name": account.last,
        "Username": f"login{account.number}@{account.mailbox.domain}",
        "Primary Email": spell(account.mailbox),
        "Status": words if isinstance(words, str) else dice.choice(words),
        "Credential Provider": "OKTA",
    }


def _okta_api(dice: random.Random, account: Account, spell: Spell, _: Dialect) -> Cells:
    words = _OKTA_WORDS[account.status]
    return {
        "id": _id(account, "okta"),
        "status": words if isinstance(words, str) else dice.choice(words),
        "profile.login": f"login{account.number}@{account.mailbox.domain}",
        "profile.email": spell(account.mailbox),
        "profile.firstName": account.first,
        "profile.lastName": account.last,
    }


def _jumpcloud(_: random.Random, account: Account, spell: Spell, __: Dialect) -> Cells:
    status = account.status
    words = {Status.SUSPENDED: "SUSPENDED", Status.STAGED: "STAGED"}
    is_staged = status == Status.STAGED
    return {
        "_id": _id(account, "jumpcloud"),
        "username": account.mailbox.local,
        "firstname": account.first,
        "lastname": account.last,
        "email": spell(account.mailbox),
        "state": words.get(status, "ACTIVATED"),
        "suspended": "true" if status == Status.SUSPENDED else "false",
        "account_locked": "true" if status == Status.LOCKED else "false",
        "activated": "false" if is_staged else "true",
        "addresses_0_region": "CO",
        "password_expired": "false",
    }


def _portal_list(dice: random.Random, account: Account, spell: Spell, _: Dialect) -> Cells:
    words = {Status.SUSPENDED: "Suspended", Status.STAGED: "Staged"}
    return {
        "User State": words.get(account.status, "Active"),
        "First Name": account.first,
        "Last Name": account.last,
        "Username": account.mailbox.local,
        "Email": spell(account.mailbox),
        "State": dice.choice(("Colorado", "Texas", "")),
        "Country": "US",
    }


def _active_directory(
    dice: random.Random, account: Account, spell: Spell, dialect: Dialect
) -> Cells:
    is_service = account.status == Status.SERVICE
    mail = account.mail or (account.mailbox if dice.random() < 0.7 else None)
    return {
        "DistinguishedName": f"CN=u{account.number},OU=People,DC=corp,DC=example",
        "Enabled": dialect.no if account.status == Status.SUSPENDED else dialect.yes,
        "GivenName": account.first,
        "LockedOut": dialect.yes if account.status == Status.LOCKED else dialect.no,
        "mail": spell(mail) if mail else "",
        "Name": account.name,
        "ObjectClass": "msDS-GroupManagedServiceAccount" if is_service else "user",
        "ObjectGUID": _id(account, "ad"),
        "SamAccountName": f"u{account.number}",
        "SID": f"S-1-5-21-1-2-3-{account.number}",
        "Surname": account.last,
        "UserPrincipalName": spell(account.mailbox),
    }


def _titles(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _plain_file(
    titles: tuple[str, str, str], words: tuple[str, str], dialects: tuple[Dialect, ...]
) -> Tool:
    """A list that a person keeps in Excel, with an address, a name and whether it is active."""

    def row(_: random.Random, account: Account, spell: Spell, __: Dialect) -> Cells:
        word = words[account.status == Status.SUSPENDED]
        return dict(zip(titles, (spell(account.mailbox), account.name, word), strict=True))

    return Tool(
        name=f"Excel ({titles[0]})",
        directory="",
        has_ids=False,
        shows=frozenset({Status.ACTIVE, Status.SUSPENDED}),
        header=titles,
        row=row,
        dialects=dialects,
    )


_BOM = Dialect(encoding="utf-8-sig", line_end="\r\n")
_UTF_8 = Dialect()
_UTF_16 = Dialect(encoding="utf-16", separator="\t", line_end="\r\n")
_SEMICOLON = Dialect(encoding="cp1252", separator=";", line_end="\r\n", empty_rows=True)
_GERMAN = replace(_SEMICOLON, yes="WAHR", no="FALSCH")
_QUOTED = Dialect(encoding="utf-8-sig", line_end="\r\n", is_quoted=True)
_TYPED = "#TYPE Microsoft.ActiveDirectory.Management.ADUser\r\n"
_IN_EXCEL = (
    _BOM,
    _UTF_16,
    _SEMICOLON,
    replace(_BOM, separator=";", empty_rows=True),
    replace(_SEMICOLON, first_line="sep=;\r\n"),
)

_ADMIN_CENTER_TITLES = _titles(
    "Block credential,City,Country/Region,Department,DirSyncEnabled,Display name,Fax,First name,"
    "Last dirsync time,Last name,Last password change time stamp,License assignment details,"
    "Licenses,Mobile Phone,Oath token meta data,Object Id,Office,Password never expires,"
    "Phone number,Postal code,Preferred data location,Preferred language,Proxy addresses,"
    "Release track,Soft deletion time stamp,State,Street address,Strong password required,Title,"
    "Usage location,User principal name,When created"
)
_ENTRA_TITLES = _titles(
    "userPrincipalName,displayName,surname,mail,givenName,id,userType,jobTitle,department,"
    "accountEnabled,usageLocation,streetAddress,state,country,officeLocation,city,postalCode,"
    "telephoneNumber,mobilePhone,alternateEmailAddress,ageGroup,consentProvidedForMinor,"
    "legalAgeGroupClassification,companyName,creationType,directorySynced,invitationState,"
    "identityIssuer,createdDateTime"
)
_GOOGLE_TITLES = _titles(
    "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
    "Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],"
    "New Primary Email [UPLOAD ONLY],Status [READ ONLY],Last Sign In [READ ONLY],Recovery Email,"
    "Home Secondary Email,Work Secondary Email,Work Phone,Work Address,Employee ID"
)

_ACTIVE, _SUSPENDED = Status.ACTIVE, Status.SUSPENDED
ADMIN_CENTER = Tool(
    name="Microsoft 365 admin center",
    directory="entra",
    has_ids=True,
    shows=frozenset(Status) - {Status.LOCKED, Status.ARCHIVED, Status.STAGED, Status.SERVICE},
    header=_ADMIN_CENTER_TITLES,
    row=_admin_center,
    dialects=(_BOM, _BOM, _GERMAN),
)
ENTRA = Tool(
    name="Microsoft Entra",
    directory="entra",
    has_ids=True,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.GUEST}),
    header=_ENTRA_TITLES,
    row=_entra,
    dialects=(_BOM,),
)
GAM = Tool(
    name="Google Workspace (GAM)",
    directory="google",
    has_ids=True,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.ARCHIVED, Status.DELETED}),
    header=_titles(
        "primaryEmail,agreedToTerms,archived,changePasswordAtNextLogin,creationTime,deletionTime,id,"
        "isAdmin,isMailboxSetup,name.familyName,name.fullName,name.givenName,orgUnitPath,suspended,"
        "suspensionReason"
    ),
    row=_gam,
    dialects=(_UTF_8,),
)
GOOGLE = Tool(
    name="Google Workspace",
    directory="google",
    has_ids=False,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.ARCHIVED}),
    header=_GOOGLE_TITLES,
    row=_google,
    dialects=(_UTF_8,),
)
ROCKSTAR = Tool(
    name="Okta (Rockstar)",
    directory="okta",
    has_ids=True,
    shows=frozenset(_OKTA_WORDS),
    header=_titles(
        "User Id,First Name,Last Name,Username,Primary Email,Status,Credential Provider"
    ),
    row=_rockstar,
    dialects=(_UTF_8, _BOM),
)
OKTA_API = Tool(
    name="Okta (API)",
    directory="okta",
    has_ids=True,
    shows=frozenset(_OKTA_WORDS),
    header=_titles("id,status,profile.login,profile.email,profile.firstName,profile.lastName"),
    row=_okta_api,
    dialects=(_UTF_8,),
)
JUMPCLOUD = Tool(
    name="JumpCloud",
    directory="jumpcloud",
    has_ids=True,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.LOCKED, Status.STAGED}),
    header=_titles(
        "_id,username,firstname,lastname,email,state,suspended,account_locked,activated,"
        "external_source_type,addresses_0_region,password_expired"
    ),
    row=_jumpcloud,
    dialects=(replace(_UTF_8, is_quoted=True),),
)
PORTAL_LIST = Tool(
    name="JumpCloud portal list",
    directory="jumpcloud",
    has_ids=False,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.STAGED}),
    header=_titles("User State,First Name,Last Name,Username,Email,State,Country"),
    row=_portal_list,
    dialects=(_UTF_8,),
)
ACTIVE_DIRECTORY = Tool(
    name="Active Directory",
    directory="ad",
    has_ids=True,
    shows=frozenset({_ACTIVE, _SUSPENDED, Status.LOCKED, Status.SERVICE}),
    header=_titles(
        "DistinguishedName,Enabled,GivenName,LockedOut,mail,Name,ObjectClass,ObjectGUID,"
        "SamAccountName,SID,Surname,UserPrincipalName"
    ),
    row=_active_directory,
    dialects=(
        replace(_QUOTED, first_line=_TYPED),
        _QUOTED,
        replace(_QUOTED, encoding="utf-16"),
        replace(_QUOTED, encoding="utf-16", first_line=_TYPED),
    ),
)
EXCEL = (
    _plain_file(("E-Mail", "Name", "Aktiv"), ("WAHR", "FALSCH"), _IN_EXCEL),
    _plain_file(
        ("E-mail address", "Display name", "Status"), ("Active", "Disabled"), (_BOM, _UTF_8)
    ),
    _plain_file(("Adresse e-mail", "Nom complet", "Bloqué"), ("FAUX", "VRAI"), _IN_EXCEL),
    _plain_file(
        ("Correo electrónico", "Nombre completo", "Activo"), ("VERDADERO", "FALSO"), _IN_EXCEL
    ),
    _plain_file(("Indirizzo e-mail", "Nome completo", "Attivo"), ("VERO", "FALSO"), _IN_EXCEL),
    _plain_file(("E-mailadres", "Volledige naam", "Geblokkeerd"), ("ONWAAR", "WAAR"), _IN_EXCEL),
    _plain_file(
        ("Adres e-mail", "Imię i nazwisko", "Aktywny"), ("PRAWDA", "FAŁSZ"), (_BOM, _UTF_16)
    ),
)

# The exports that one company makes, in turn. Those with two directories have both ids.
USES: tuple[tuple[Tool, ...], ...] = (
    (ADMIN_CENTER,),
    (ENTRA,),
    (ADMIN_CENTER, ENTRA),
    (GAM,),
    (GOOGLE,),
    (GAM, GOOGLE),
    (ROCKSTAR,),
    (ROCKSTAR, OKTA_API),
    (JUMPCLOUD,),
    (PORTAL_LIST,),
    (JUMPCLOUD, PORTAL_LIST),
    (ACTIVE_DIRECTORY,),
    (ENTRA, OKTA_API),
    (ACTIVE_DIRECTORY, ENTRA),
    *((each,) for each in EXCEL),
)
