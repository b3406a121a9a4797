# SPDX-License-Identifier: GPL-2.0-only
"""Proof by recordings: scripts, logs and traces of real kernels, run with no clock and compared record by record."""
