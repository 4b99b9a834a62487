"""Alerts: which conditions hold, and telling people when they begin and when they end."""
