# SPDX-License-Identifier: GPL-2.0-only
"""What runs and comparisons say to people: sentences first, then tables, every figure with its interval. Computes no figure."""
