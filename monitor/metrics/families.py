"""Metric families by the conventions of Prometheus, under the monitor's own prefix."""

from collections.abc import Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

PREFIX = "wa_monitor_"


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter; `_total` is added to its name."""
    return CounterMetricFamily(f"{PREFIX}{name}", text, value=value)


def counter_by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a counter for each value of a label."""
    family = CounterMetricFamily(f"{PREFIX}{name}", text, labels=[label])
    for each, value in values.items():
        family.add_metric([each], value)
    return family


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge."""
    return GaugeMetricFamily(f"{PREFIX}{name}", text, value=float(value))


def gauge_by(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """Return a gauge for each value of a label."""
    return gauge_by_all(name, text, (label,), {(each,): value for each, value in values.items()})


def gauge_by_all(
    name: str, text: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]
) -> Metric:
    """Return a gauge for each combination of values of several labels."""
    family = GaugeMetricFamily(f"{PREFIX}{name}", text, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family
