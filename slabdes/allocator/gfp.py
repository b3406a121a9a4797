# SPDX-License-Identifier: GPL-2.0-only
"""Flags of an allocation, as far as the allocator looks at them: a gfp mask's bits that decide something that is modelled."""

from __future__ import annotations

from typing import Final

MAY_WAIT: Final = 1
"""The gfp mask has __GFP_WAIT: interrupts are on while a slab is made."""
THISNODE: Final = 2
"""It has __GFP_THISNODE: no fallback to another node."""
