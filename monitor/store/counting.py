"""Counting what a store holds: the same question to each kind."""

from collections.abc import Iterable

from monitor.store.records import Counts

COUNTS = """
SELECT group_jid, CAST(sum(drops) AS bigint), CAST(sum(again) AS bigint),
       CAST(sum(malformed) AS bigint), CAST(sum(dead) AS bigint), CAST(sum(invalid) AS bigint)
FROM (SELECT group_jid, count(*) FILTER (WHERE outcome = 'new') AS drops,
             count(*) FILTER (WHERE outcome = 'resubmission') AS again, 0 AS malformed, 0 AS dead,
             count(*) FILTER (WHERE outcome = 'invalid') AS invalid
      FROM wa_monitor_ledger GROUP BY group_jid
      UNION ALL SELECT group_jid, 0, 0, count(*), 0, 0 FROM wa_monitor_malformed GROUP BY group_jid
      UNION ALL
      SELECT group_jid, 0, 0, 0, count(*), 0 FROM wa_monitor_dead_letters GROUP BY group_jid
     ) AS parts
GROUP BY group_jid
"""
"""Asks either store for the counts by group: one pass over each table."""


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of the counts of groups."""
    return Counts(*map(sum, zip(Counts(), *counts, strict=True)))
