"""Keeping the process small: what many threads and one large backlog leave behind of the heap."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8
"""mallopt's number for the most heaps there may be, from glibc's malloc.h."""


def share_one_heap() -> None:
    """Have all threads use one heap; call it before there are others.

    By default each thread that allocates gets its own and keeps what it once needed, though
    Python runs one of them at a time. Nothing happens where the C library is not glibc.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return to the system what lies free in the heap, as after a backlog or an audit."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
