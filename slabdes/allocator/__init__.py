# SPDX-License-Identifier: GPL-2.0-only
"""What mm/slab.c does, with no clock: geometry, tunables, state and its transitions. Linux 2.6.34.

The transitions are plain functions over records and flat lists of integers, so that every engine runs the same ones.
"""
