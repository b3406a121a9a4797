# SPDX-License-Identifier: GPL-2.0-only
"""Figures, drawn from saved frames with matplotlib's Figure objects. They compute no statistic and keep no global state."""
