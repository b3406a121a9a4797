"""Experiments as studies: every point and replication run, over local processes if wished, kept and resumed."""
