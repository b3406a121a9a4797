# SPDX-License-Identifier: GPL-2.0-only
"""Which node a policy asks for, and when interleave and the spread rotor move on."""

from __future__ import annotations

from slabdes.allocator.mempolicy import MemPolicy, PolicyKind, alternate_node, slab_node
from slabdes.allocator.state import NO_NODE


def test_without_a_policy_an_allocation_stays_local() -> None:
    policy = MemPolicy(4)
    assert alternate_node(policy, 2, mem_spread=True) == NO_NODE
    assert slab_node(policy, 2) == 2


def test_interleave_goes_round_all_nodes_and_a_local_turn_is_used_up() -> None:
    policy = MemPolicy(3, PolicyKind.INTERLEAVE, 1)
    assert [alternate_node(policy, 2, mem_spread=False) for _ in range(4)] == [1, NO_NODE, 0, 1]
    assert policy.node == 2


def test_a_fallback_uses_up_an_interleave_step() -> None:
    policy = MemPolicy(3, PolicyKind.INTERLEAVE, 2)
    assert slab_node(policy, 1) == 2
    assert slab_node(policy, 1) == 0


def test_a_preferred_node_stays_where_it_is() -> None:
    policy = MemPolicy(3, PolicyKind.PREFERRED, 1)
    assert [alternate_node(policy, 0, mem_spread=False) for _ in range(2)] == [1, 1]
    assert alternate_node(policy, 1, mem_spread=False) == NO_NODE
    assert slab_node(policy, 0) == 1


def test_the_spread_rotor_moves_before_use_and_only_for_caches_that_ask_for_it() -> None:
    policy = MemPolicy(3, PolicyKind.SPREAD, 1)
    assert alternate_node(policy, 0, mem_spread=False) == NO_NODE
    assert policy.node == 1
    assert [alternate_node(policy, 0, mem_spread=True) for _ in range(3)] == [2, NO_NODE, 1]


def test_a_fallback_ignores_the_spread_rotor() -> None:
    policy = MemPolicy(3, PolicyKind.SPREAD, 1)
    assert slab_node(policy, 0) == 0
    assert policy.node == 1
