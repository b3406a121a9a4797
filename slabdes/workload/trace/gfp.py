# SPDX-License-Identifier: GPL-2.0-only
"""gfp flags of a traced allocation, cut down to the two facts that replay needs: may it wait, must it stay on its node.

Every other flag (zones, zeroing, accounting, how hard to try) is left out: it changes nothing about where slabs come from here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from slabdes.allocator.gfp import MAY_WAIT, THISNODE

_WAITING: Final = frozenset(
    (
        *("GFP_KERNEL", "GFP_KERNEL_ACCOUNT", "GFP_NOFS", "GFP_NOIO", "GFP_TEMPORARY", "GFP_TRANSHUGE"),
        *("GFP_USER", "GFP_HIGHUSER", "GFP_HIGHUSER_MOVABLE"),
        *("GFP_WAIT", "GFP_RECLAIM", "GFP_DIRECT_RECLAIM"),
    )
)
"""Flags that contain __GFP_WAIT (to 4.3) or __GFP_DIRECT_RECLAIM (from 4.4): include/linux/gfp.h, gfp_types.h.

Kernels before 4.7 print single bits without their underscores (include/trace/events/gfpflags.h), so those are compared
without. GFP_ATOMIC, GFP_NOWAIT and __GFP_KSWAPD_RECLAIM are not among them.
"""
_THISNODE_NAME: Final = "GFP_THISNODE"

_CACHED_MASKS: Final = 4096
"""Distinct masks remembered (assumed; a trace has some dozens)."""

# Bits of masks printed as numbers. Layouts: to 4.3; 4.4 to 4.19; 4.20 on (include/linux/gfp.h of 2.6.34, 4.4, 5.4 and 6.18).
_OLD_WAIT: Final = 0x10
_OLD_THISNODE: Final = 0x40000
_MIDDLE_DIRECT_RECLAIM: Final = 0x400000
_MIDDLE_KSWAPD_RECLAIM: Final = 0x3000000
"""0x2000000 in 4.4 to 4.11, 0x1000000 in 4.12 to 4.19."""
_NEW_DIRECT_RECLAIM: Final = 0x400
_NEW_KSWAPD_RECLAIM: Final = 0x800
_NEW_THISNODE: Final = 0x200000
_IO_FS: Final = 0xC0
"""__GFP_IO and __GFP_FS, the same bits in every kernel."""


@lru_cache(maxsize=_CACHED_MASKS)
def step_flags(mask: bytes) -> int:
    """MAY_WAIT and THISNODE of a mask as traces print it: names joined by `|`, or one number (hex if it has 0x or a hex letter).

    A number among names holds bits that the tracer had no name for, and none of those matters here.
    """
    words = [word.lstrip("_") for word in mask.decode("ascii", "replace").split("|")]
    if len(words) == 1 and not words[0].startswith("GFP"):
        return _flags_of_number(words[0])
    flags = 0
    for word in words:
        if word in _WAITING:
            flags |= MAY_WAIT
        elif word == _THISNODE_NAME:
            flags |= THISNODE
    return flags


def _flags_of_number(text: str) -> int:
    try:
        bits = int(text, 10 if text.isdecimal() else 16)
    except ValueError:  # `none` and the like
        return 0
    # The kernel is not known: reclaim flags come in pairs from 4.4 on, and the pair's place tells the layout.
    new_pair = _NEW_DIRECT_RECLAIM | _NEW_KSWAPD_RECLAIM
    if bits & new_pair == new_pair:
        return MAY_WAIT | (THISNODE if bits & _NEW_THISNODE else 0)
    if bits & _MIDDLE_DIRECT_RECLAIM and bits & _MIDDLE_KSWAPD_RECLAIM:
        return MAY_WAIT | (THISNODE if bits & _OLD_THISNODE else 0)
    if bits & _NEW_KSWAPD_RECLAIM and not bits & _IO_FS:
        return THISNODE if bits & _NEW_THISNODE else 0
    if bits & _MIDDLE_KSWAPD_RECLAIM and not bits & _IO_FS:
        return THISNODE if bits & _OLD_THISNODE else 0
    return (MAY_WAIT if bits & _OLD_WAIT else 0) | (THISNODE if bits & _OLD_THISNODE else 0)
