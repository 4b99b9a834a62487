"""Boot a machine by hand and leave it on until Ctrl-C:  python -m tests.system --name x."""

import argparse
import contextlib
import json
import shutil
import signal
from pathlib import Path

from tests.system import database
from tests.system.base_image import base_image
from tests.system.lab import Lab
from tests.system.machine import Machine, make_key, scratch_folder
from tests.system.play import write_inventory


def main() -> None:
    """Boot, say how to reach the machine, and wait for the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.system", description=__doc__)
    parser.add_argument("--name", default="debian", help="the machine's host name")
    parser.add_argument("--vars", type=Path, help="a JSON file of host variables to put in")
    arguments = parser.parse_args()
    variables = json.loads(arguments.vars.read_text()) if arguments.vars else {}

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    image, folder = base_image(), scratch_folder()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        lab = Lab()
        stack.callback(lab.close)
        machine = Machine(lab, [image], folder, make_key(folder), arguments.name)
        stack.callback(machine.destroy)
        machine.boot()
        inventory = Path.cwd() / f".cache/{machine.name}.json"
        inventory.parent.mkdir(exist_ok=True)
        write_inventory(inventory, {machine: variables})
        stack.callback(inventory.unlink)
        script = folder / "ssh"
        options = " ".join(f"'{word}'" for word in machine.ssh_options())
        script.write_text(f'#!/bin/sh\nexec ssh {options} {machine.name} "$@"\n')
        script.chmod(0o755)
        print(
            f"{machine.name} is up.\n  shell:     {script}\n  its files: {machine.root}\n"
            f"  databases: {database.url('prod', 'HOST')} once made with database.create\n"
            f"  play:      .venv/bin/ansible-playbook -i {inventory} playbooks/deploy.yml",
            flush=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
