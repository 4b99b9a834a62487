"""HTTP on the loopback interface: health, metrics, and a page to look at."""
