"""What the operator sets: the projects of projects.yaml, and the environment."""

from monitor.settings.environment import Environment, load_environment, mask_url
from monitor.settings.faults import Fault, SettingsError
from monitor.settings.projects import Project, load_projects

__all__ = [
    "Environment",
    "Fault",
    "Project",
    "SettingsError",
    "load_environment",
    "load_projects",
    "mask_url",
]
