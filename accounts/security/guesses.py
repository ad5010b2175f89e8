"""Wrong passwords: counted by address and place, so that no stranger locks the person out.

allauth refuses a pair for minutes after a few of them. A browser that the person has signed in with
before is a separate pair beside others there. For an address that is guessed from many
places nothing is refused: a wrong password is answered later (docs/decisions/0072).
"""

import hashlib
import time
from threading import BoundedSemaphore

from allauth.core.internal.ratelimit import get_ip
from django.http import HttpRequest

from accounts.models import User
from accounts.security.browsers import known_people
from core.cache import counted

# Wrong passwords for one address, from anywhere within an hour, that are answered at once.
AT_ONCE = 20
HOUR = 60 * 60
STEP_SECONDS, LONGEST_SECONDS = 0.25, 3.0
# Who waits holds a thread of the web server; the others answer.
_waiting = BoundedSemaphore(2)


def pair(request: HttpRequest, *, email: str) -> str:
    """By what wrong passwords are counted: the typed address and where it was typed."""
    typed = email.lower().replace("\0", "")
    people = known_people(request)
    is_known = bool(people) and User.objects.filter(email=typed, pk__in=people).exists()
    return f"{'known' if is_known else ''}:{get_ip(request)}:{typed}"


def answer_later(*, email: str) -> None:
    """Count a wrong password for the address, of a login or not, and wait if there were many."""
    digest = hashlib.sha256(email.lower().encode()).hexdigest()
    try:
        failures = counted(f"accounts.guesses:{digest}", seconds=HOUR)
    except ValueError:  # Redis is away: allauth lets no one in
        return
    seconds = min(LONGEST_SECONDS, max(0, failures - AT_ONCE) * STEP_SECONDS)
    if seconds and _waiting.acquire(blocking=False):
        try:
            time.sleep(seconds)
        finally:
            _waiting.release()
