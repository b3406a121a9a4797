"""The engines: the same experiment, the same records, driven with SimPy (`reference`) or with no clock (`conformance`)."""
