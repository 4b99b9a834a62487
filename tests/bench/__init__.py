"""Measures the monitor against its marks: `python -m tests.bench`."""
