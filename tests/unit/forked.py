"""Running a function in a child process: as another user, within limits, or to be killed."""

import os
import pickle
import traceback
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tests.privileges import NOBODY

Result = TypeVar("Result")


class Died(NamedTuple):
    """The child ended by this signal before it had an answer."""

    signal: int


def in_child(function: Callable[[], Result]) -> Result | Died:
    """Return what `function` returns in a fork of this process; its errors fail the test."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(function(), pipe)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Died(os.WTERMSIG(status))
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed: see its traceback above"
    result: Result = pickle.loads(answer)
    return result


def without_privileges(function: Callable[[], Result]) -> Result | Died:
    """Return what `function` returns as a user whom file permissions bind, as root is not."""

    def as_nobody() -> Result:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        return function()

    return in_child(as_nobody)
