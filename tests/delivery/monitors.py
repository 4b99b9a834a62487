"""The delivery itself, driven step by step in the test's own process."""

from monitor.service.delivery import Delivery
from monitor.service.intake import Projects
from monitor.service.state_keeper import StateKeeper
from monitor.settings.environment import load_environment
from monitor.settings.projects import load_projects
from monitor.state.file import StateFile
from monitor.store.open import open_store
from tests.delivery.homes import Home


class Monitor:
    """A monitor on a home, without the loop around it: `settle` is one turn."""

    def __init__(self, home: Home) -> None:
        environment = load_environment(home.path, {})
        self.store = open_store(environment)
        self._state = StateKeeper(StateFile(environment.state_path))
        self._state.load()
        projects = Projects(load_projects(environment.projects_path))
        self.delivery = Delivery(environment, projects, self.store, self._state)

    def settle(self) -> None:
        """Deliver to the bridge's end and write state.json."""
        while self.delivery.advance():
            pass
        self._state.save()

    def close(self) -> None:
        """Let go of bridge and store, as the end of the process does."""
        self.delivery.close()
        self.store.close()


def settle_afresh(home: Home) -> None:
    """Deliver to the bridge's end as a monitor that has just started."""
    monitor = Monitor(home)
    try:
        monitor.settle()
    finally:
        monitor.close()
