"""What the terminal shows: one calm line per step or event, colour only where a person looks."""

import os
import sys
import time
from datetime import datetime

WIDTH = 52
CLEAR_LINE = "\r\x1b[2K"


class Refused(Exception):
    """The command cannot go on; the text is one clear sentence for the person who typed it."""


def is_interactive() -> bool:
    """Whether a person looks at the output."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def coloured(text: str, code: str) -> str:
    """The text in an ANSI colour where a person looks and has not declined (NO_COLOR)."""
    wanted = is_interactive() and "NO_COLOR" not in os.environ
    return f"\x1b[{code}m{text}\x1b[0m" if wanted else text


def say(text: str = "") -> None:
    """One line, at once."""
    print(text, flush=True)


def title(text: str) -> None:
    """The heading of what follows."""
    say(f"\n{coloured(text, '1')}\n")


def event(text: str) -> None:
    """One line of what happened while everything runs, in the machine's local time."""
    clock = datetime.now().astimezone().strftime("%H:%M:%S")
    say(f"  {coloured(clock, '2')}  {text}")


def done(text: str, outcome: str) -> None:
    """The line of a step that is done, in place of its progress."""
    clear = CLEAR_LINE if is_interactive() else ""
    say(f"{clear}  {text:<{WIDTH}}{coloured(outcome, '32')}")


def objection(text: str, outcome: str) -> None:
    """The line of a step that went wrong while the others go on."""
    say(f"  {text:<{WIDTH}}{coloured(outcome, '31')}")


def refuse(text: str) -> None:
    """Says on the error stream what is wrong."""
    clear = CLEAR_LINE if is_interactive() else ""
    print(f"{clear}  {coloured(text, '31')}", file=sys.stderr, flush=True)


class Step:
    """A step that may last: shows at once that it began, now and then that it goes on."""

    QUIET_SECONDS = 10.0

    def __init__(self, text: str) -> None:
        self.text = text
        self.began = self.spoke = time.monotonic()
        self.shown = ""
        if is_interactive():
            print(f"  {text}", end="", flush=True)

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def tick(self, detail: str) -> None:
        """Called often while waiting; prints rarely. `detail` is the latest line of the log."""
        now = time.monotonic()
        if is_interactive():
            line = f"  {self.text:<{WIDTH}}{self.seconds():4.0f} s  {detail[:40]}"
            if line != self.shown:
                self.shown = line
                print(CLEAR_LINE + coloured(line, "2"), end="", flush=True)
        elif now - self.spoke >= self.QUIET_SECONDS:
            self.spoke = now
            say(f"  {self.text} ... {self.seconds():.0f} s")

    def finish(self) -> None:
        done(self.text, f"{self.seconds():5.1f} s")
