"""The conformance engine: op scripts run through the allocator's paths with no clock, compared with the real allocator's records."""
