"""Loads the roles' modules and filters, which Ansible, not Python, finds."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROLE = Path(__file__).resolve().parents[2] / "roles" / "wa_monitor"


def load(name: str) -> ModuleType:
    """Return the module or filter plug-in of that name."""
    (path,) = [*ROLE.glob(f"library/{name}.py"), *ROLE.glob(f"filter_plugins/{name}.py")]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
