"""`groups`: what the bridge knows, so that nobody hunts for a JID."""

import click

from monitor.bridge.chats import group_chats
from monitor.bridge.reader import BridgeReader
from monitor.cli.home import Home, with_home
from monitor.settings.projects import load_projects


@click.command()
@with_home
def groups(home: Home) -> None:
    """List the groups of the bridge: JID, messages, whether monitored, name."""
    projects = load_projects(home.environment.projects_path)
    watched = {each.group_jid: each.name for each in projects if each.enabled}
    switched_off = {each.group_jid: each.name for each in projects if not each.enabled}
    with BridgeReader(home.environment.bridge_path, {}) as reader:
        chats = group_chats(reader)
    rows = [("JID", "messages", "monitored", "name")]
    for jid, name, messages in chats:
        monitored = "no"
        if jid in watched:
            monitored = f"yes, {watched[jid]}"
        elif jid in switched_off:
            monitored = f"no, {switched_off[jid]} is not enabled"
        rows.append((jid, f"{messages:,}", monitored, _one_line(name)))
    missing = {**watched, **switched_off}.keys() - {chat.jid for chat in chats}
    for jid in sorted(missing):
        rows.append((jid, "-", watched.get(jid, "no"), "(the bridge does not know this group)"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for jid, count, monitored, name in rows:
        line = f"{jid:<{widths[0]}}  {count:>{widths[1]}}  {monitored:<{widths[2]}}  {name}"
        click.echo(line.rstrip())


def _one_line(name: str) -> str:
    return "".join(c if c.isprintable() else " " for c in name)
