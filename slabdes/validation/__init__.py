# SPDX-License-Identifier: GPL-2.0-only
"""Published measurements against simulated ones: what is compared with what, how far apart they are, and costs fitted to them.

Figures of others are committed with their source (`data/`). Leaves out drawing.
"""
