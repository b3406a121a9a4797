# SPDX-License-Identifier: GPL-2.0-only
"""What results say with intervals: tables, comparisons, causes, tails and scaling, by `stats` from frames. Leaves out words."""
