"""state.json: the file that shows operators, by group, the last message processed."""

from monitor.state.file import LoadedState, StateFile
from monitor.state.schema import SCHEMA_PATH, StateFault, check_state, is_entry

__all__ = ["SCHEMA_PATH", "LoadedState", "StateFault", "StateFile", "check_state", "is_entry"]
