"""`answers`: what stands in the outbox."""

from datetime import UTC, datetime

import click

from monitor.answer_status import in_words, mode_of, sum_up
from monitor.answers.texts import MARK
from monitor.cli.home import Home, with_home
from monitor.service.lock import look_at_service


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@with_home
def answers(home: Home, limit: int) -> None:
    """Show the newest answers: when queued, what became of them, where to and the text."""
    home.store.migrate()
    latest = home.store.outbox.latest(limit)
    for answer, state, attempts, queued_at, _, error in reversed(latest):
        text = " ".join(answer.text.replace(MARK, "").split())
        fault = f" ({error})" if error else ""
        click.echo(
            f"{queued_at:%Y-%m-%d %H:%M:%S} {state:<9} {attempts} tries, {answer.project}:"
            f" {text}{fault}"
        )
    counts = home.store.outbox.counts(datetime.now(UTC))
    click.echo(in_words(sum_up(mode_of(home.environment, look_at_service(home.path)), counts)))
