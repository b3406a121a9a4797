"""On which cache lines a kernel version lays a kmem_list3's fields (DESIGN, "Lines"). Leaves out everything it never shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slabdes.config import AllocatorVersion

LISTS_LINE: Final = 0
"""The first line of a kmem_list3 is the one with the lists, free_objects and colour_next."""


@dataclass(frozen=True)
class Layout:
    """Which of a kmem_list3's two lines holds its list_lock: the lists' own, or the other one."""

    lock_line: int

    @property
    def lists_with_lock(self) -> bool:
        """Whether a write to the lists is one to the line that waiters for the lock spin on."""
        return self.lock_line == LISTS_LINE


LAYOUTS: Final = {AllocatorVersion.V2_6_34: Layout(lock_line=1)}
"""2.6.34: three list heads (48 bytes), free_objects, free_limit and colour_next fill the first 64 bytes; list_lock,
shared and alien follow."""
