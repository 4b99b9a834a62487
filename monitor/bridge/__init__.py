"""The bridge's file: what a message is, and how one is read."""
