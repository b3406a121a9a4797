# SPDX-License-Identifier: GPL-2.0-only
"""What differs between the kernels whose SLUB can be simulated. Both are recorded; versions in between are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from slabdes.allocator.versions import Kernel


@dataclass(frozen=True)
class SlubVersion(Kernel):
    """One kernel's SLUB.

    `cpu_slabs`: each CPU has a slab and partial slabs of its own; otherwise sheaves, over barns and partial lists of nodes.
    """

    cpu_slabs: bool = False


LINUX_6_12: Final = SlubVersion("6.12", cpu_slabs=True, rmqueue_function="rmqueue_buddy")
LINUX_7_3: Final = SlubVersion("7.3", rmqueue_function="rmqueue_buddy")

SLUB_VERSIONS: Final = {version.name: version for version in (LINUX_6_12, LINUX_7_3)}
"""Every version by the name that an experiment gives."""
