# SPDX-License-Identifier: GPL-2.0-only
"""One operation after the other in plain words, and lessons made of the same. Leaves out what happens: the engine tells it."""
