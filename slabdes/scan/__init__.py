# SPDX-License-Identifier: GPL-2.0-only
"""Traces of gigabytes: kmem lines read and objects followed by compiled code, with the results of `workload.trace`.

Leaves out what a line or a trace means: whatever is not recognised with certainty goes to the readers there.
"""
