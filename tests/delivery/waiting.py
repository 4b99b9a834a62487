"""Waiting for something to become so, by looking again and again until a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

LOOK_SECONDS = 0.03


def until(look: Callable[[], Seen], what: str, seconds: float = 30.0) -> Seen:
    """Return what `look` returns as soon as it is true; fail, naming `what`, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not so: {what}")
        time.sleep(LOOK_SECONDS)
    return seen
