# SPDX-License-Identifier: GPL-2.0-only
"""Readers of real allocators' state: dumps of a running kernel, and the allocator's state set up from one."""
