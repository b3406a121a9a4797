# SPDX-License-Identifier: GPL-2.0-only
"""The engines: same experiment, same records, driven by SimPy (`reference`) or compiled (`compiled`), and what both share."""
