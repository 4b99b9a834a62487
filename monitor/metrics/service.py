"""Collects the numbers of the service and of what it was last seen to be."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.alerts.conditions import NAMES
from monitor.backups import last_backup
from monitor.metrics.families import PREFIX, counter, gauge, gauge_by
from monitor.metrics.projects import of_answers, of_counts, of_days, of_lists, of_settled
from monitor.overview import Overview
from monitor.service.attendants import Attendants
from monitor.service.audit_schedule import read_audit
from monitor.service.pace import NO_BACKLOG
from monitor.service.starts import read_starts
from monitor.service.tally import BATCH_BUCKETS, Tally
from monitor.settings.environment import Environment
from monitor.status import GroupStatus

LOOK_MAX_AGE = 10.0
LOOK_PATIENCE = 3.0


def registry_of(environment: Environment, attendants: Attendants) -> CollectorRegistry:
    """Return a registry of the service's numbers and those of its process."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(ServiceCollector(environment, attendants))
    return registry


class ServiceCollector(Collector):
    """Reads the numbers when they are asked for: from the tally, and from a look of late."""

    def __init__(self, environment: Environment, attendants: Attendants) -> None:
        self._environment = environment
        self._attendants = attendants

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that can be told now."""
        attendants = self._attendants
        yield from _of_tally(attendants.tally)
        state = attendants.state
        yield counter("state_saves", "Times state.json was written.", state.saves)
        yield counter(
            "state_save_failures", "Writes of state.json that failed.", state.failed_saves
        )
        yield counter(
            "state_corruptions",
            "Times state.json was found unusable.",
            len(state.corruptions),
        )
        yield counter(
            "restarts",
            "Starts of the service but for the first, over all its processes.",
            read_starts(self._environment.home).restarts,
        )
        courier = attendants.warden.courier
        yield counter("alert_messages", "Alert messages sent.", courier.sent)
        yield counter("alert_failures", "Tries to send an alert that failed.", courier.failures)
        yield from self._of_settled()
        active = attendants.warden.active
        yield gauge_by(
            "alert_active",
            "1 while the condition is known to hold.",
            "alert",
            {name: float(name in active) for name in NAMES},
        )
        yield from self._of_silence()
        yield from _of_records(self._environment)
        # Not a fresh look: a scrape every few seconds must not keep a store from sleeping.
        look = attendants.looker.last or attendants.looker.look(LOOK_MAX_AGE, LOOK_PATIENCE)
        if look is not None:
            yield from _of_overview(look.overview)

    def _of_settled(self) -> Iterator[Metric]:
        tally, audits = self._attendants.tally, self._attendants.audits
        settled = tally.settled.plus(tally.let_in).plus(audits.repaired).plus(audits.let_in)
        yield from of_settled(settled, audits.repaired, self._attendants.names)

    def _of_silence(self) -> Iterator[Metric]:
        silence = self._attendants.silence()
        if silence is None:
            return
        yield gauge(
            "bridge_silent",
            "1 if the bridge is silent at a time when it usually is not.",
            silence.verdict == "silent",
        )
        if silence.silent_seconds is not None:
            yield gauge(
                "bridge_silent_seconds",
                "Time since the newest message of any chat.",
                silence.silent_seconds,
            )
        if silence.usual_gap_seconds is not None:
            yield gauge(
                "bridge_usual_gap_seconds",
                "Usual time between two messages at this hour.",
                silence.usual_gap_seconds,
            )


def _of_tally(tally: Tally) -> Iterator[Metric]:
    yield counter("messages_read", "Rows of the bridge read.", tally.rows)
    backlog = tally.backlog or NO_BACKLOG
    yield gauge("backlog_rows", "Rows of the bridge left while it catches up.", backlog.rows_left)
    yield counter("store_errors", "Tries that the store failed.", tally.faults["store"])
    yield counter("bridge_errors", "Tries that the bridge's file failed.", tally.faults["bridge"])
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, number in zip([*map(str, BATCH_BUCKETS), "+Inf"], tally.batches, strict=True):
        total += number
        buckets.append((bound, total))
    histogram = HistogramMetricFamily(
        f"{PREFIX}batch_seconds", "Time from reading a batch to its commit."
    )
    histogram.add_metric([], buckets, tally.batch_seconds)
    yield histogram
    yield gauge("loop_idle_seconds", "Time since the loop last turned.", tally.idle_seconds)
    yield gauge(
        "start_time_seconds", "When the service started, Unix time.", tally.started_at.timestamp()
    )


def _of_overview(overview: Overview) -> Iterator[Metric]:
    status = overview.status
    info = GaugeMetricFamily(f"{PREFIX}info", "Always 1.", labels=["release", "store"])
    info.add_metric([str(status.service["release"]), status.store["kind"]], 1)
    yield info
    for part in ("bridge", "store", "state"):
        ok = bool(getattr(status, part)["ok"])
        yield gauge(f"{part}_up", f"1 if the {part} was usable at the last look.", ok)
    yield gauge("ready", "1 if the service reaches both bridge and store.", status.ready)
    yield gauge("look_timestamp_seconds", "Last look, Unix time.", overview.taken_at.timestamp())
    yield from of_counts(overview)
    yield from of_lists(status.lists)
    if status.answers:
        yield from of_answers(status.answers, overview.names)
    told = [group for group in status.groups if group.lag_messages is not None]
    yield gauge_by(
        "lag_messages",
        "Messages in the bridge that are not settled, counted from its file.",
        "project",
        {group.name: float(group.lag_messages or 0) for group in told},
    )
    yield gauge_by(
        "lag_seconds",
        "How long the newest message that is not settled has been waiting.",
        "project",
        {group.name: group.lag_seconds or 0.0 for group in told},
    )
    now = datetime.now(UTC)
    ages = {group.name: _age(group, now) for group in told}
    yield gauge_by(
        "last_message_age_seconds",
        "Age of a group's newest message.",
        "project",
        {name: age for name, age in ages.items() if age is not None},
    )
    yield from of_days(overview, now.date())


def _of_records(environment: Environment) -> Iterator[Metric]:
    backup = last_backup(environment)
    if backup:
        at = backup[1].timestamp()
        yield gauge("last_backup_timestamp_seconds", "Newest backup, Unix time.", at)
    audit = read_audit(environment.home)
    if audit:
        at = datetime.fromisoformat(audit.at).timestamp()
        yield gauge("last_audit_timestamp_seconds", "Last audit, Unix time.", at)
        yield gauge("audit_missed", "What the last audit found missing.", audit.missed)
        yield gauge("audit_ok", "1 if the last audit could be made.", not audit.error)


def _age(group: GroupStatus, now: datetime) -> float | None:
    if group.lag_messages and group.lag_seconds is not None:
        return group.lag_seconds
    if group.posted_at is None:
        return None
    return (now - datetime.fromisoformat(group.posted_at)).total_seconds()
