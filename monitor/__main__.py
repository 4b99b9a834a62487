"""`python -m monitor` is `wa-monitor`."""

from monitor.cli import main

main()
