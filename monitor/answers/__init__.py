"""Answers to senders in their group: what they say, and how they get there at most once."""
