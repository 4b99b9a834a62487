"""The tests of wa-monitor."""
