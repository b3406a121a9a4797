# SPDX-License-Identifier: GPL-2.0-only
"""Which node a task's memory policy asks for: mempolicy's slab_node and the cpuset spread rotor, of one task.

Leaves out bind policies and node masks: interleave goes round all nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from slabdes.allocator.state import NO_NODE


class PolicyKind(IntEnum):
    """The policies that slab allocations look at."""

    NONE = 0
    INTERLEAVE = 1
    PREFERRED = 2
    SPREAD = 3
    """cpuset's memory_spread_slab: acts on caches with SLAB_MEM_SPREAD only."""


@dataclass
class MemPolicy:
    """A task's policy. `node` is interleave's next node, the preferred one, or the spread rotor's last one."""

    n_nodes: int
    kind: PolicyKind = PolicyKind.NONE
    node: int = 0


def slab_node(policy: MemPolicy, local: int) -> int:
    """The node to start at: interleave's next (and it advances), the preferred one, else `local` (slab_node)."""
    if policy.kind == PolicyKind.PREFERRED:
        return policy.node
    if policy.kind == PolicyKind.INTERLEAVE:
        node = policy.node
        policy.node = (node + 1) % policy.n_nodes
        return node
    return local


def alternate_node(policy: MemPolicy, local: int, mem_spread: bool) -> int:
    """The node that an allocation should come from instead of `local`, or NO_NODE (alternate_node_alloc)."""
    if policy.kind == PolicyKind.NONE:
        return NO_NODE
    if policy.kind == PolicyKind.SPREAD:
        if not mem_spread:
            return NO_NODE
        policy.node = (policy.node + 1) % policy.n_nodes
        node = policy.node
    else:
        node = slab_node(policy, local)
    return node if node != local else NO_NODE
