# SPDX-License-Identifier: GPL-2.0-only
"""Workloads: what each CPU does, as per-CPU operation programs; synthetic ones and those read from real kmem traces."""
