"""`demo`: the whole thing in a scratch folder."""

from pathlib import Path

import click

from monitor.demo.demo import run_demo


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".demo"),
    show_default=True,
    help="The scratch folder; it is emptied first.",
)
def demo(folder: Path) -> None:
    """Show a bridge, the service, a crash and the audit in a scratch folder."""
    raise SystemExit(run_demo(folder))
