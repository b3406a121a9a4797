# SPDX-License-Identifier: GPL-2.0-only
"""Statistics over replications: means with confidence intervals, paired comparisons. Leaves out what a single run says."""
