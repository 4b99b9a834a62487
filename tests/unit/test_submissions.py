"""A message becomes submissions that any store can hold, or says why it cannot."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.bridge.message import Message
from monitor.drops.pattern import DropPattern
from monitor.drops.submissions import Malformed, Submission, UnreadableMessage, read_message
from monitor.settings.projects import Project

GROUP = "120363000000000001@g.us"
PROJECT = Project("Lawley", GROUP)
MESSAGE = Message(
    7, "3EB0FF3868BCD0A7EC9F39", GROUP, "27000000001", "DR1752028", "2025-11-10 06:47:03+02:00"
)
PATTERN = DropPattern()
POSTED = datetime(2025, 11, 10, 4, 47, 3, tzinfo=UTC)


def read(message: Message, project: Project = PROJECT) -> tuple[list[Submission], list[Malformed]]:
    return read_message(message, project, PATTERN)


def test_each_drop_of_a_message_is_a_submission_once() -> None:
    submissions, malformed = read(MESSAGE._replace(content="DR1752034 DR1752028 dr1752034 DR12345"))
    rest = (MESSAGE.id, GROUP, "Lawley", "27000000001", POSTED)
    assert submissions == [Submission("DR1752034", *rest), Submission("DR1752028", *rest)]
    assert malformed == [Malformed("DR12345", *rest)]


def test_ten_drops_in_one_message_are_ten_submissions() -> None:
    drops = [f"DR175200{number}" for number in range(10)]
    submissions, _ = read(MESSAGE._replace(content="\n".join(drops)))
    assert [submission.drop_number for submission in submissions] == drops


def test_chatter_needs_no_readable_time() -> None:
    assert read(MESSAGE._replace(content="good morning", timestamp="?")) == ([], [])


def test_ignored_senders_make_no_submissions() -> None:
    project = replace(PROJECT, ignore_senders=frozenset({"27000000001"}))
    assert read(MESSAGE, project) == ([], [])
    assert len(read(MESSAGE._replace(sender="27000000002"), project)[0]) == 1


def test_messages_before_since_make_no_submissions() -> None:
    project = replace(PROJECT, since=POSTED)
    assert len(read(MESSAGE, project)[0]) == 1
    assert read(MESSAGE._replace(timestamp="2025-11-10 04:47:02.999999"), project) == ([], [])


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (MESSAGE._replace(timestamp="soon"), "time of posting: not a timestamp: 'soon'"),
        (MESSAGE._replace(content="DR12345", timestamp=""), "time of posting"),
        (MESSAGE._replace(id=""), "its id is empty"),
        (MESSAGE._replace(id="3EB0\0FF"), "its id has a character"),
        (MESSAGE._replace(id="3EB0\ud800"), "its id has a character"),
        (MESSAGE._replace(group_jid="1\0@g.us"), "its group has a character"),
    ],
)
def test_a_message_that_no_store_can_hold_says_why(message: Message, said: str) -> None:
    with pytest.raises(UnreadableMessage, match=said):
        read(message)


def test_a_pattern_that_takes_in_whole_messages_is_told_of() -> None:
    with pytest.raises(UnreadableMessage, match="took 5000 characters for a drop"):
        read_message(MESSAGE._replace(content="x" * 5000), PROJECT, DropPattern(".+"))


def test_a_sender_loses_the_characters_that_postgresql_refuses() -> None:
    submissions, _ = read(MESSAGE._replace(sender="2700\x000000\ud800001"))
    assert submissions[0].sender == "27000000001"


class ClosePattern(DropPattern):
    """Takes no text for a plain one."""

    __slots__ = ()

    def plain(self, text: str) -> None:
        return None


@given(
    st.builds(
        Message,
        st.just(7),
        st.sampled_from(["3EB0FF3868BCD0A7EC9F39", "", "3EB0-FF", "3EB0\0FF"]),
        st.sampled_from([GROUP, "120363000000000002@g.us", ""]),
        st.sampled_from(["27000000001", "27000000002", "27\x0000", "10000000000001@lid", ""]),
        st.text("DdRr 1234567_x\u200b\0", max_size=30) | st.just("DR1752028 done"),
        st.sampled_from(["2025-11-10 06:47:03+02:00", "2025-11-09 06:47:03+00:00", "soon"]),
        st.sampled_from(["", "27000000002"]),
    )
)
@example(MESSAGE)
@example(MESSAGE._replace(content="DR1752028 DR123"))
@example(MESSAGE._replace(content="DR1752028 dr"))
def test_a_plain_message_is_read_as_a_close_look_would(message: Message) -> None:
    project = replace(PROJECT, since=POSTED, ignore_senders=frozenset({"27000000002"}))

    def seen(pattern: DropPattern) -> object:
        try:
            return read_message(message, project, pattern)
        except UnreadableMessage as error:
            return str(error)

    assert seen(PATTERN) == seen(ClosePattern())
