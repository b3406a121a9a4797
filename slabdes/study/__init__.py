# SPDX-License-Identifier: GPL-2.0-only
"""Experiments as studies: every point and replication run, over local processes if wished, kept and resumed."""
