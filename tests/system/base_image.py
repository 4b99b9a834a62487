"""The Debian that every test machine boots from, built once and kept in a cache.

The folder is named by a hash of the recipe below, so a changed recipe makes a new one. It is never
booted itself: machines lay an overlay over it (see `machine`).
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SUITE = "bookworm"

# No python3-venv, no pip, no compiler: a target is promised to need nothing but Python.
PACKAGES = (
    "cron",
    "dbus",
    "faketime",
    "logrotate",
    "openssh-server",
    "postgresql",
    "procps",
    "prometheus",
    "python3",
    "sqlite3",
    "sudo",
    "systemd",
    "systemd-sysv",
)

# What the package scripts ask before they start a daemon; 101 means "forbidden by policy".
POLICY = "#!/bin/sh\nexit 101\n"

CONFIGURE = r"""
set -eu
rm -f /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/unsafe-io /etc/machine-id
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
install -d -m 0700 ~root/.ssh
cat > /etc/ssh/sshd_config.d/test.conf <<'EOF'
PermitRootLogin prohibit-password
UseDNS no
EOF
# The lab's network ends on the machine that runs the tests, so every address in it may ask.
conf=$(echo /etc/postgresql/*/main)
echo "listen_addresses = '*'" > "$conf/conf.d/test.conf"
echo 'host all all 10.77.0.0/24 scram-sha-256' >> "$conf/pg_hba.conf"
# Timers that would wake up in the middle of a test.
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
    dpkg-db-backup.timer >/dev/null 2>&1
# Only one test has a Prometheus look at its host.
systemctl disable prometheus >/dev/null 2>&1
# getty would fight over a console that nobody reads.
systemctl mask console-getty.service getty.target >/dev/null 2>&1
"""


def recipe_hash() -> str:
    """Return the name of the recipe: it changes with everything that shapes the image."""
    recipe = json.dumps([SUITE, PACKAGES, POLICY, CONFIGURE])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder that holds the images, outside the repository."""
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home or "/var/cache") / "wa-monitor-tests"


def base_image() -> Path:
    """Return the image's root folder, building it first where it is missing (about two minutes).

    Raises RuntimeError with the tail of debootstrap's log when the build fails.
    """
    image = cache_folder() / recipe_hash()
    if image.is_dir():
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    with _locked(image.parent / "lock"):
        if not image.is_dir():
            _build(image)
    return image


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(image: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix="partial-", dir=image.parent))
    partial.chmod(0o755)
    log = image.parent / f"{image.name}.log"
    try:
        with log.open("wb") as output:
            # Two stages, so that the policy is in place before any package script runs.
            _run(
                [
                    "debootstrap",
                    "--foreign",
                    "--variant=minbase",
                    f"--include={','.join(PACKAGES)}",
                    SUITE,
                    str(partial),
                    _mirror(),
                ],
                output,
            )
            policy = partial / "usr/sbin/policy-rc.d"
            policy.write_text(POLICY)
            policy.chmod(0o755)
            unsafe = partial / "etc/dpkg/dpkg.cfg.d/unsafe-io"
            unsafe.parent.mkdir(parents=True, exist_ok=True)
            unsafe.write_text("force-unsafe-io\n")
            _run(_inside(partial, "/debootstrap/debootstrap", "--second-stage"), output)
            _run(_inside(partial, "/bin/sh", "-c", CONFIGURE), output)
    except subprocess.CalledProcessError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        message = f"could not build the base image: {error}; see {log}, which ends:\n{tail}"
        raise RuntimeError(message) from error
    else:
        partial.rename(image)
    finally:
        if partial.exists():
            shutil.rmtree(partial)


def _inside(root: Path, *command: str) -> list[str]:
    # Own mount and process namespaces: a daemon or a mount left behind ends with the command.
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", str(root), *command]


def _run(command: list[str], output: IO[bytes]) -> None:
    environment = {
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    kept = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
    subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment | kept,
    )


def _mirror() -> str:
    """Return the Debian mirror that apt on this machine is set to."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.split()
    mirrors = [site for site in targets if site.rstrip("/").endswith("/debian")]
    return mirrors[0] if mirrors else "http://deb.debian.org/debian"
