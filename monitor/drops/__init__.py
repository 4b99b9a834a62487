"""From the text of messages to drops, and from drops to decisions."""
