"""Noticing that a store's tables have been emptied or put back while they were in use."""

from monitor.bridge.position import Position
from monitor.store.faults import StoreUnavailable


class Continuity:
    """Remembers where each instance stood when the store was last asked or written to.

    A connection survives `psql < dump` and `DELETE`; a place moved on from what is no longer
    there would hide for good what the tables have lost.
    """

    def __init__(self) -> None:
        self._rowids: dict[str, int | None] = {}

    def saw(self, instance: str, position: Position | None) -> None:
        """Note the place that the store holds or has just taken."""
        self._rowids[instance] = position.rowid if position else None

    def check(self, instance: str, found: int | None) -> None:
        """Compare the place about to be replaced with the one known.

        Raises StoreUnavailable if they differ: the transaction must not commit, and the place
        be asked for anew.
        """
        known = self._rowids.get(instance, found)
        if known != found:
            del self._rowids[instance]
            raise StoreUnavailable(
                f"the store holds another place for {instance} (rowid {found}, not {known}): its"
                " tables were put back, or another monitor has the same WA_MONITOR_INSTANCE;"
                " going on from the place it holds"
            )
