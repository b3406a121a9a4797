# SPDX-License-Identifier: GPL-2.0-only
"""A live page on this computer: controls over an experiment, and what a run of each setting says, while it is being run.

Leaves out how pages and charts look (`pages`).
"""
