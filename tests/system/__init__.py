"""Tests that drive ansible-playbook against booted Debian machines."""
