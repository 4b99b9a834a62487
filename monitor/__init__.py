"""wa-monitor: from drop numbers in WhatsApp groups to rows for the QA office."""

__version__ = "1.0.0"
