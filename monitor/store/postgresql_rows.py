"""What settled submissions are written down as in PostgreSQL."""

from collections.abc import Sequence

from monitor.drops.decide import Decision, Outcome
from monitor.drops.submissions import Submission
from monitor.store.copying import Copy, copy_of, utc_text
from monitor.store.records import USER_NAME_LENGTH, first_comment

LEDGER_COLUMNS = (
    "drop_number", "message_id", "group_jid", "project", "sender", "posted_at", "outcome",
    "instance",
)  # fmt: skip
ROW_COLUMNS = (
    "drop_number", "project", "user_name", "review_date", "whatsapp_message_date", "comment",
    "submitted_by",
)  # fmt: skip


def row_columns(existing: frozenset[str]) -> Sequence[str]:
    """Return the columns that a new drop fills of those that `qa_photo_reviews` has."""
    return ROW_COLUMNS if "submitted_by" in existing else ROW_COLUMNS[:-1]


def copies(instance: str, decisions: Sequence[Decision], columns: Sequence[str]) -> list[Copy]:
    """Return all rows that decisions make: in the ledger, and of new drops with these columns."""
    # Neighbours in the tables' indexes come together, which spares the server searching.
    ordered = sorted(decisions, key=_drop_of)
    moments = [utc_text(each.posted_at) for each, _ in ordered]
    ledger = (
        (drop, message, group, project, sender, moment, outcome, instance)
        for ((drop, message, group, project, sender, _, _), outcome), moment in zip(
            ordered, moments, strict=True
        )
    )
    rows = (
        _row(submission, moment)[: len(columns)]
        for (submission, outcome), moment in zip(ordered, moments, strict=True)
        if outcome is Outcome.NEW
    )
    made = [
        copy_of("wa_monitor_ledger", LEDGER_COLUMNS, ledger),
        copy_of("qa_photo_reviews", columns, rows),
    ]
    return [each for each in made if each.text]


def _row(submission: Submission, moment: str) -> Sequence[str]:
    """Return the values of ROW_COLUMNS for a drop that was first posted at `moment`."""
    drop, _, _, project, sender, _, _ = submission
    comment = first_comment(project, moment)
    return drop, project, sender[:USER_NAME_LENGTH], moment, moment, comment, sender


def _drop_of(decision: Decision) -> str:
    return decision.submission.drop_number
