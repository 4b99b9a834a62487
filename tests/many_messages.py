"""Very many messages in a bridge's file, quicker than a bridge would write them."""

import sqlite3
from contextlib import closing

from monitor.demo.bridge_writer import BridgeWriter

COPY_THE_ONE = """
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :count)
INSERT INTO messages (id, chat_jid, sender, content, timestamp, is_from_me)
SELECT printf('3EB0%06d', n), chat_jid, sender,
       CASE WHEN n % :every = 0 THEN 'DR' || (1000000 + n) ELSE content END, timestamp, 0
FROM n, messages
"""


def write_many(bridge: BridgeWriter, count: int, every: int = 1) -> None:
    """Add `count` messages like the one that is there, each `every`-th with a drop of its own.

    The n-th has DR1000000 plus n.
    """
    with closing(sqlite3.connect(bridge.path)) as file, file:
        file.execute(COPY_THE_ONE, {"count": count, "every": every})
