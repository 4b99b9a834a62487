"""The whole monitor, on a small bridge file in a scratch folder: posted to, killed, checked."""

import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from monitor.demo import story
from monitor.demo.groups import KNOWN_GROUPS
from monitor.demo.stage import DemoError, Stage
from monitor.demo.verdict import Holdings

STREAM_LENGTH = 90
KILL_AT, START_AGAIN_AT = 30, 60
POST_EVERY = 0.02
"""Seconds between two messages of the stream."""

SHOWN_DROPS = 16


def run_demo(folder: Path) -> int:
    """Run the demo in `folder` and print it; return 0, or 1 if anything was missed or doubled.

    The folder is made, or emptied if an earlier demo made it; any other that holds something is
    left alone and 2 is returned.
    """
    console = Console(highlight=False)
    began = time.monotonic()
    try:
        stage = Stage(folder.resolve())
    except DemoError as error:
        console = Console(stderr=True, soft_wrap=True)
        console.print(f"wa-monitor demo: {escape(str(error))}", style="red")
        return 2
    with stage:
        try:
            faults = _play(stage, console)
        except DemoError as error:
            faults = [str(error)]
    for fault in faults:
        console.print(f"[red]✗[/] {escape(fault)}")
    if not faults:
        drops = len({one.drop_number for one in stage.submitted})
        console.print(
            f"[green]✓[/] {len(stage.submitted)} submissions of {drops} drops posted:"
            f" [bold]nothing missed, nothing doubled[/] ({time.monotonic() - began:.1f} s)"
        )
    return 1 if faults else 0


def _play(stage: Stage, console: Console) -> list[str]:
    """Tell the story, print its end and return what went wrong."""

    def say(text: str) -> None:
        console.print(f"[cyan]●[/] {text}")

    opening = [stage.post(line) for line in story.opening()]
    stage.bridge.map_lid(story.LINKED_DEVICE, story.LINKED_PHONE)
    say(
        f"a bridge file with {len(opening)} messages in {len(KNOWN_GROUPS)} groups: drops, chatter,"
        " a malformed drop"
    )
    stage.start()
    say(f"service started: all of it settled after {stage.settle():.2f} s")

    stage.redeliver(opening[1], story.opening()[1].group_jid)
    stage.post(story.resubmission())
    stage.post(story.late_history())
    say("a message redelivered, a drop resubmitted, history of three days ago arriving late")

    for number, line in enumerate(story.stream(STREAM_LENGTH)):
        stage.post(line)
        if number == KILL_AT:
            stage.kill()
            say(
                f"service killed with SIGKILL at message {number} of {STREAM_LENGTH};"
                " the bridge goes on"
            )
        if number == START_AGAIN_AT:
            stage.start()
            say(f"service started again at message {number}")
        time.sleep(POST_EVERY)
    say(f"caught up {stage.settle():.2f} s after the last message")

    status = stage.ask("status")
    code, seconds = stage.stop()
    say(f"service stopped with SIGTERM in {seconds:.2f} s, exit code {code}")
    audit = stage.ask("audit")

    console.print(_drops_table(stage.held()))
    _show(console, "wa-monitor status (before the stop)", status.stdout)
    _show(console, "state.json", _text_of(stage.home / "state.json"))
    _show(console, "wa-monitor audit", audit.stdout)
    return [
        *stage.faults(),
        *([] if code == 0 else [f"the service's exit code was {code}; its log: {stage.log}"]),
        *([] if status.returncode == 0 else [f"status exited with {status.returncode}"]),
        *([] if audit.returncode == 0 else [f"audit exited with {audit.returncode}"]),
    ]


def _drops_table(held: Holdings) -> Table:
    table = Table(title="qa_photo_reviews", title_justify="left", title_style="bold")
    for heading in ("drop", "project", "posted by", "posted (UTC)", "resubmitted"):
        table.add_column(heading)
    shown = held.reviews[:SHOWN_DROPS]
    for review in shown:
        table.add_row(
            *(escape(text) for text in review[:3]),
            review.whatsapp_message_date[:19].replace("T", " "),
            "yes" if review.resubmitted else "",
        )
    if len(shown) < len(held.reviews):
        table.add_row(f"… {len(held.reviews) - len(shown)} more")
    return table


def _show(console: Console, title: str, text: str) -> None:
    console.print(f"\n[bold]{title}[/]")
    console.print(escape(text.rstrip()), soft_wrap=True)


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        return str(error)
