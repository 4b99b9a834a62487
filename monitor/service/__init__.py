"""The service: from the bridge through the drops to the store, then the state file."""
