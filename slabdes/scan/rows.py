# SPDX-License-Identifier: GPL-2.0-only
"""What an event is in numbers: the columns of a row, each a field of a KmemEvent.

Words are numbers of their own here. Leaves out pointers and numbers of more than 64 bits: such traces are read in Python.
"""

from __future__ import annotations

from typing import Final

COLUMNS: Final = 13
TIME, POINTER, OBJECT, CPU, WHAT, KMALLOC, REQ, ALLOC, FLAGS, NODE, NAME, SITE, LINE = range(COLUMNS)
"""POINTER has the bits of the pointer, as a signed number; LINE is the line's number."""
HAS_OBJECT, NO_OBJECT, HIDDEN_OBJECT = range(3)
"""OBJECT: whether there is one to follow, as NO_POINTER and UNKNOWN_POINTER say."""
IS_ALLOC, IS_FREE = range(2)
"""WHAT, as KmemKind says."""
