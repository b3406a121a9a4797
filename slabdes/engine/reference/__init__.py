# SPDX-License-Identifier: GPL-2.0-only
"""The reference engine: one SimPy process a CPU, readable as the executable specification of the timed model."""
