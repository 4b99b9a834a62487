"""Daily Restart: at 01:00 UTC both services really are restarted."""

from monitor.demo.groups import LAWLEY
from tests.system import site
from tests.system.machine import Machine
from tests.system.play import Controller

# The real cron daemon, which takes the clock for 00:59:57 when it starts.
CLOCK = """
[Service]
Environment=LD_PRELOAD={library} "FAKETIME=@2026-02-03 00:59:57"
"""
DROP_IN = "/etc/systemd/system/cron.service.d/clock.conf"


def test_daily_restart(host: Machine) -> None:
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE
    before = site.pids(host)
    library = host.says("dpkg -L libfaketime | grep '/libfaketime.so.1$'")
    host.write(DROP_IN, CLOCK.format(library=library))
    host.ssh("systemctl daemon-reload; systemctl restart cron")
    try:
        site.wait_for_restart(host, before, 30)
    finally:
        host.ssh(f"rm {DROP_IN}; systemctl daemon-reload; systemctl restart cron")
    assert "Loaded state: 4 groups" in site.journal(host, "prod").rpartition("Stopp")[2]
    with site.bridge(host) as bridge:
        bridge.post(LAWLEY, "DR9000001")
    site.wait_for_drops(host, "prod", ["DR9000001"])


def test_off_and_on_again(host: Machine, controller: Controller) -> None:
    other = "15 4 * * * /usr/bin/true"
    host.ssh(f"(crontab -l; echo '{other}') | crontab -")
    play = {host: site.variables()}
    off = {"wa_monitor_restart_schedule": "off"}
    controller.run("restart_schedule.yml", play, variables=off).must_succeed()
    assert host.says("crontab -l") == other
    on = {"wa_monitor_restart_schedule": "cron"}
    controller.run("restart_schedule.yml", play, variables=on).must_succeed()
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE
    assert other in host.says("crontab -l")


def test_a_timer_on_a_host_in_another_zone(host: Machine, controller: Controller) -> None:
    host.ssh("ln -sf /usr/share/zoneinfo/Africa/Johannesburg /etc/localtime")
    variables = site.variables(wa_monitor_restart_schedule="timer")
    controller.run("deploy.yml", {host: variables}).must_succeed()
    assert "wa-monitor" not in host.ssh("crontab -l", check=False).stdout

    timer = host.says(
        "systemctl list-timers --all --no-legend 'wa-monitor*' | grep -o '[^ ]*timer'"
    )
    due = host.says(
        f'TZ=UTC date -d "$(systemctl show -P NextElapseUSecRealtime {timer})" +%H:%M:%S'
    )
    assert due == "01:00:00"
    assert host.says(f"systemctl is-enabled {timer}") == "enabled"
    before = site.pids(host)
    host.ssh(f"systemctl start $(systemctl show -P Unit {timer})")
    site.wait_for_restart(host, before)
    again = controller.run("deploy.yml", {host: variables}).must_succeed()
    assert again.changed == 0, again.output


def test_from_timer_to_cron(host: Machine, controller: Controller) -> None:
    host.ssh("ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime; systemctl restart cron")
    controller.run("deploy.yml", {host: site.variables()}).must_succeed()
    assert host.says("crontab -l | grep wa-monitor") == site.CRON_LINE
    assert host.says("systemctl list-timers --all --no-legend 'wa-monitor*'") == ""
