# SPDX-License-Identifier: GPL-2.0-only
"""Logs of prescribed operations on a real SLUB: the same operations here, compared line by line."""
