"""Reading much of a bridge's file without keeping its writer waiting."""

import time
from collections.abc import Iterator

CHUNK_SECONDS = 0.002
"""How long one read is meant to last: a bridge with a rollback journal waits for its end."""

CHUNK_ROWS = (256, 8_192)


def chunks(after: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rowids, each after its first and up to its second, from `after` to `last`.

    Their length follows from how long the caller has taken over the one before.
    """
    fewest, most = CHUNK_ROWS
    rows = fewest
    while after < last:
        began = time.perf_counter()
        yield after, min(after + rows, last)
        after += rows
        factor = CHUNK_SECONDS / max(time.perf_counter() - began, 1e-6)
        rows = min(most, max(fewest, int(rows * min(2.0, max(0.25, factor)))))
