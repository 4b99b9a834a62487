"""Loads the roles' modules and filters, which Ansible, not Python, finds."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import ansible.module_utils

ROLE = Path(__file__).resolve().parents[2] / "roles" / "wa_monitor"

# Where Ansible puts what modules share, when it sends one to a host.
ansible.module_utils.__path__.append(str(ROLE / "module_utils"))


def load(name: str) -> ModuleType:
    """Return the module, shared code or filter plug-in of that name."""
    (path,) = ROLE.glob(f"*/{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
