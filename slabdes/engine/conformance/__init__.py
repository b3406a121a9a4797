"""The conformance engine: op scripts run with no clock, compared with the real allocator's records."""
