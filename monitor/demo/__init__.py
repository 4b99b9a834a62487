"""A bridge file that behaves like the real one, and the whole monitor run on it."""
