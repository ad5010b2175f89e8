"""The widest export that names who counts: 50,000 users of Microsoft 365 with every column filled.

Users have four addresses and three licenses, and hardly two cells of one column are the same.
"""

import random

LINES = 50_000
_TITLES = (
    "Block credential,City,Country/Region,Department,DirSyncEnabled,Display name,Fax,First name,"
    "Last dirsync time,Last name,Last password change time stamp,License assignment details,"
    "Licenses,Mobile Phone,Oath token metadata,Object Id,Office,Password never expires,"
    "Phone number,Postal code,Preferred data location,Preferred language,Proxy addresses,"
    "Release track,Soft deletion time stamp,State,Street address,Strong password required,Title,"
    "Usage location,User principal name,When created"
)


def widest_file(lines: int = LINES, *, password: str = "") -> bytes:
    """The export as CSV; with a last column of passwords if there is one."""
    dice = random.Random(5)
    titles = f"{_TITLES},Password" if password else _TITLES
    end = f",{password}" if password else ""
    return "\n".join([titles, *(_line(dice, number) + end for number in range(lines))]).encode()


def _line(dice: random.Random, number: int) -> str:
    first, last = f"Ann{dice.getrandbits(24):x}", f"Müller{dice.getrandbits(24):x}"
    address = f"ann.mueller{number}@contoso-holding.example"
    phone, digits = dice.getrandbits(23), f"{dice.getrandbits(128):032x}"
    at = f"2026-{dice.randint(1, 12):02}-{dice.randint(1, 28):02} 10:{dice.randint(10, 59)}:07Z"
    object_id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"
    return (
        f"{number % 9 == 0},Town{phone % 997},Germany,Department {phone % 89},True,{first} {last},"
        f"+49 40 {phone},{first},{at},{last},{at},Microsoft 365 Business Premium: Inherited from "
        "group All staff; Power BI Pro: direct; Visio Plan 2: direct,Microsoft 365 Business Premium"
        f"+Power BI Pro+Visio Plan 2,+49 170 {phone},,{object_id},Building {phone % 99},False,"
        f"+49 40 1{phone},{phone % 99_999:05},EUR,de-DE,SMTP:{address}+smtp:{first}.{number}"
        f"@contoso.onmicrosoft.example+smtp:a.{last}{number}@contoso-holding.example+X500:/o="
        "ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn="
        f"{digits}-{first},,,Hamburg,Große Straße {phone % 301},True,Senior engineer {phone % 79},"
        f"DE,{address},{at}"
    )
