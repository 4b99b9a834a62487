"""What watches the service: looks, audits, alerts, metrics and the page, on real parts."""
