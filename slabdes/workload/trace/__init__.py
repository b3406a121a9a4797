# SPDX-License-Identifier: GPL-2.0-only
"""Real kmem traces: read, indexed, spooled to disk a CPU, and replayed as programs on a machine."""
