# SPDX-License-Identifier: GPL-2.0-only
"""How the parts of stacks look, in files as on pages: a colour and a hatch each, so that they are told apart in grey.

Colours are near Okabe and Ito's (2008). Leaves out lines and marks, which differ by dashes and shapes (`plots.style`,
`pages.drawing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Look = tuple[str, str]
"""A colour, and a hatch as matplotlib writes it; the more characters, the denser."""
TIME: Final[Mapping[str, Look]] = {
    "work": ("#0072B2", ""),
    "first_touch": ("#7CC4EE", "..."),
    "pages": ("#F0E442", "xx"),
    "local_memory": ("#009E73", "--"),
    "remote_memory": ("#8FD8BF", "oo"),
    "line": ("#E8A33D", "\\\\\\"),
    "lock_wait": ("#D55E00", "///"),
    "handoff": ("#B07AA1", "||"),
    "slot_wait": ("#F2C4DE", "++"),
    "partner_wait": ("#B8B8B8", "**"),
    "think": ("#F2F2F2", ""),
}
"""Of the parts of the CPUs' time."""
LAYERS: Final[tuple[Look, ...]] = (
    ("#0072B2", ""),
    ("#F0E442", "//"),
    ("#E8A33D", ".."),
    ("#8FD8BF", "xx"),
    ("#C9A3D9", "\\\\"),
    ("#F2F2F2", ""),
)
"""Of places of objects and of lists of slabs, from a stack's lowest layer up (`places.layer_of`)."""
