# SPDX-License-Identifier: GPL-2.0-only
"""Statistics of plain numbers: replications, pairs, long runs, quantiles, laws, when to stop. Knows nothing of slabs."""
