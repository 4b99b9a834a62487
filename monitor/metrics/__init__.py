"""The numbers of a running service, for Prometheus."""

from monitor.metrics.service import registry_of

__all__ = ["registry_of"]
