"""What was settled, in words."""

from monitor.store.records import Settled


def summary(settled: Settled) -> str:
    """Return in words what was settled."""
    invalid = f" {settled.invalid} invalid," if settled.invalid else ""
    return (
        f"{settled.drops} new drops, {settled.resubmissions} resubmissions,"
        f" {settled.malformed} malformed,{invalid} {settled.dead_letters} set aside"
    )
