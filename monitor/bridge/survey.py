"""How much came when: the messages of a bridge's file by group and quarter of an hour."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from monitor.bridge.chunks import chunks
from monitor.bridge.reader import BridgeReader
from monitor.bridge.timestamps import parse_timestamp

QUARTER = timedelta(minutes=15)

# Every offset from UTC is of whole quarters, so that messages whose texts agree in date, hour,
# quarter and all that follows the minute are of one quarter of UTC as well. Text in other forms,
# such as Unix seconds, makes smaller heaps, which is slower and as right.
COUNT = """
SELECT CASE WHEN chat_jid IN ({groups}) THEN chat_jid ELSE '' END, min(timestamp), count(*)
FROM messages WHERE rowid > ? AND rowid <= ?
GROUP BY 1, substr(timestamp, 1, 13), substr(timestamp, 15, 2) / 15, substr(timestamp, 20)
"""


class Survey(NamedTuple):
    """Counts of messages, by when they were posted.

    `days` holds those of each watched group by day of UTC. `quarters` holds those of all chats
    by quarter hours since the epoch: any of them shows that the bridge was alive.
    """

    days: Counter[tuple[date, str]]
    quarters: Counter[int]


def survey(reader: BridgeReader) -> Survey:
    """Count the whole file, in transactions short enough for a bridge that writes meanwhile.

    A message that moves while this runs, because it is redelivered, may be left out; none is
    counted twice. Messages whose time cannot be read are not counted. Raises BridgeUnavailable.
    """
    groups = sorted(reader.groups)
    found = Survey(Counter(), Counter())
    query = COUNT.format(groups=", ".join("?" * len(groups)))
    for after, upto in chunks(0, reader.last_rowid()):
        for group, text, number in reader.ask(query, (*groups, after, upto)):
            try:
                posted = parse_timestamp(str(text))
            except ValueError:
                continue
            found.quarters[quarter_of(posted)] += number
            if group:
                found.days[posted.date(), group] += number
    return found


def quarter_of(moment: datetime) -> int:
    """Return the number of whole quarter hours from the epoch to `moment`."""
    return int(moment.timestamp() // QUARTER.total_seconds())


def newest_at(reader: BridgeReader, known: datetime | None) -> datetime | None:
    """Return when the newest message was posted, given what was `known` to be the newest.

    Of the last rows only: history that comes late stands there too. Raises BridgeUnavailable.
    """
    times = [known] if known else []
    for (text,) in reader.ask("SELECT timestamp FROM messages ORDER BY rowid DESC LIMIT 50"):
        try:
            times.append(parse_timestamp(str(text)))
        except ValueError:
            continue
    # A clock that ran ahead once must not make the bridge look alive for ever.
    now = datetime.now(UTC)
    return max((each for each in times if each <= now + QUARTER), default=None)
