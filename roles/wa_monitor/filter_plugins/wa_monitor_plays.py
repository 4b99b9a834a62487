"""Filters that tell plays apart: this one, and one that holds a lock."""

from __future__ import annotations

import getpass
import multiprocessing
import os
import platform
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path


def controller() -> str:
    """Return what identifies this controller: a process id means something only there."""
    space = Path("/proc/self/ns/pid")
    name = space.readlink().name if space.is_symlink() else ""
    return f"{platform.node()} {uuid.getnode():x} {name}".strip()


def this_play(playbook: str) -> dict[str, str]:
    """Return who runs a playbook, with the process that does."""
    # Templates are mostly filled in by a worker that Ansible has forked.
    parent = multiprocessing.parent_process()
    return {
        "user": f"{getpass.getuser()}@{platform.node()}",
        "play": playbook,
        "controller": controller(),
        "pid": str(parent.pid if parent else os.getpid()),
    }


def is_gone(holder: Mapping[str, str]) -> bool:
    """Tell whether a play is known to have ended: it ran here, and its process is no more."""
    if not holder or holder.get("controller") != controller():
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, KeyError, ValueError):
        return False
    return False


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"wa_monitor_this_play": this_play, "wa_monitor_is_gone": is_gone}
