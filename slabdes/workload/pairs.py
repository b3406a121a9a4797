# SPDX-License-Identifier: GPL-2.0-only
"""Which CPUs are a producer and its consumer: on different nodes, or on one, as far as nodes have the CPUs for it; or any two.

Leaves out what they do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from slabdes.config.workloads import PairRule, ProducerConsumerWorkload
from slabdes.errors import InputError
from slabdes.machine.topology import Machine
from slabdes.streams import below, words

MOST_TOLD: Final = 16
"""CPUs that an error names."""


def pairs_of(
    config: ProducerConsumerWorkload, cpus: Sequence[int], machine: Machine, key: int
) -> tuple[list[tuple[int, int]], tuple[str, ...]]:
    """Producers and consumers as the workload has them, and what to say of them; draws are from the stream at `key`."""
    if config.pair_rule is None:
        return mapped(config.cpu_pairs, cpus), ()
    pairs = paired(config.pair_rule, cpus, machine, key)
    return pairs, pair_warnings(config.pair_rule, pairs, machine)


def paired(rule: PairRule, cpus: Sequence[int], machine: Machine, key: int) -> list[tuple[int, int]]:
    """Producers and consumers by a rule; what it draws is from the stream at `key`."""
    match rule:
        case PairRule.ACROSS:
            return pair_up(cpus, machine)
        case PairRule.WITHIN:
            row = sorted(cpus, key=lambda cpu: machine.node_of_cpu[cpu])
        case PairRule.RANDOM:
            # Fisher and Yates' shuffle: the streams' draws are the same with every Python.
            row, draws = list(cpus), words(key)
            for last in range(len(row) - 1, 0, -1):
                other = below(next(draws), last + 1)
                row[last], row[other] = row[other], row[last]
    return list(zip(row[::2], row[1::2], strict=True))


def pair_up(cpus: Sequence[int], machine: Machine) -> list[tuple[int, int]]:
    """Producers and consumers, on different nodes as far as nodes have the CPUs for it.

    Neighbours in the order of the CPUs, which goes round the nodes, are a pair. Where that puts a pair on one node (nodes are
    uneven), CPUs are set in a row by node, the largest first, and each is paired with the one half a row away: two of one
    node meet only if it has more than half of all CPUs, and then as seldom as can be.
    """
    neighbours = list(zip(cpus[::2], cpus[1::2], strict=True))
    if not _on_one_node(neighbours, machine):
        return neighbours
    node_of = machine.node_of_cpu
    held = Counter(node_of[cpu] for cpu in cpus)
    row = sorted(cpus, key=lambda cpu: (-held[node_of[cpu]], node_of[cpu]))
    across = list(zip(row[: len(row) // 2], row[len(row) // 2 :], strict=True))
    return min(neighbours, across, key=lambda pairs: _on_one_node(pairs, machine))


def mapped(pairs: Sequence[tuple[int, int]], cpus: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs that an experiment names. Raises InputError for a CPU that is not among those of the workload."""
    for cpu in (cpu for pair in pairs for cpu in pair):
        if cpu not in cpus:
            allowed = f"{', '.join(map(str, sorted(cpus)[:MOST_TOLD]))}{', ...' if len(cpus) > MOST_TOLD else ''}"
            raise InputError("workload.pairs", f"CPU {cpu} is not one of the workload's", allowed=allowed)
    return list(pairs)


def _on_one_node(pairs: Sequence[tuple[int, int]], machine: Machine) -> int:
    """How many pairs have both CPUs on one node."""
    return sum(machine.node_of_cpu[one] == machine.node_of_cpu[other] for one, other in pairs)


def pair_warnings(rule: PairRule, pairs: Sequence[tuple[int, int]], machine: Machine) -> tuple[str, ...]:
    """What to say of pairs that are not as their rule has it, if any are."""
    together = _on_one_node(pairs, machine)
    if rule is PairRule.ACROSS and together and machine.n_nodes > 1:
        return (f"producer_consumer: {together} of {len(pairs)} pairs are within one node, for lack of CPUs on others",)
    if rule is PairRule.WITHIN and together < len(pairs):
        apart = len(pairs) - together
        return (f"producer_consumer: {apart} of {len(pairs)} pairs are across nodes, which have odd numbers of CPUs",)
    return ()
