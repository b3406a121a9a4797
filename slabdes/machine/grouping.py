# SPDX-License-Identifier: GPL-2.0-only
"""Finds cores, clusters and nodes in a matrix of core-to-core latencies by hierarchical clustering.

Leaves out what latencies cannot tell: which node memory hangs on, and whether a lone level of few
groups is made of nodes or of clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SEPARATION: Final = 1.3
"""A level counts if latencies between its groups, within a group of the level above, are this many times those inside them
(medians; assumed: 1.43 between the sockets of 2x_AMD_EPYC_7601.csv is the least of ten published tables)."""
SIBLINGS_NS: Final = 15.0
"""CPUs at most this far apart (median) are threads of one core: 7 to 12 ns in published tables, cores that share a cache
16 ns and more (assumed between the two)."""
MOST_THREADS: Final = 8
"""Most threads of a core (POWER has 8)."""
MOST_NODES: Final = 8
"""A level of more groups is taken as clusters: L3 domains come in greater number than nodes (assumed)."""
RULE: Final = (
    f"found by Ward clustering: levels of equal groups, {SEPARATION:g} times further apart than within; groups within "
    f"{SIBLINGS_NS:g} ns are cores, the coarsest level of at most {MOST_NODES} groups nodes, the coarsest of the others clusters"
)


@dataclass(frozen=True)
class Grouping:
    """Dense indexes: node and core by CPU, cluster by core (None if no level is left for clusters)."""

    node_of_cpu: tuple[int, ...]
    core_of_cpu: tuple[int, ...]
    cluster_of_core: tuple[int, ...] | None


def group(transfer_ps: Sequence[Sequence[int]]) -> Grouping:
    """Cores, clusters and nodes by RULE, from a full symmetric matrix in ps."""
    levels = _levels(transfer_ps)
    cpus = len(transfer_ps)
    core_of_cpu = tuple(range(cpus))
    if levels and levels[-1].within_ns <= SIBLINGS_NS and cpus // levels[-1].groups <= MOST_THREADS:
        core_of_cpu = levels.pop().labels
    node_of_cpu = (0,) * cpus
    if levels and levels[0].groups <= MOST_NODES:
        node_of_cpu = levels.pop(0).labels
    clusters = None
    if levels:
        cluster_of = dict(zip(core_of_cpu, levels[0].labels, strict=True))
        clusters = tuple(cluster_of[core] for core in sorted(cluster_of))
    return Grouping(node_of_cpu, core_of_cpu, clusters)


@dataclass(frozen=True)
class _Level:
    groups: int
    labels: tuple[int, ...]
    within_ns: float


def _levels(transfer_ps: Sequence[Sequence[int]]) -> list[_Level]:
    """Levels that count, coarsest first; being cuts of one tree, each divides the groups of the one before."""
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    matrix = np.array(transfer_ps, dtype=np.float64) / 1000
    cpus = len(matrix)
    tree = linkage(squareform(matrix, checks=False), "ward")
    pairs = np.triu_indices(cpus, 1)
    latencies = matrix[pairs]
    together = np.ones(len(latencies), dtype=bool)
    found = []
    # A group of one is no level; neither is all in one.
    for groups in range(2, cpus // 2 + 1):
        if cpus % groups:
            continue
        labels = fcluster(tree, groups, "maxclust")
        sizes = np.bincount(labels)[1:]
        if len(sizes) != groups or sizes.min() != sizes.max():
            continue
        same = (labels[:, None] == labels[None, :])[pairs]
        # Only against neighbours in the group above, or every part of a socket would look apart from all the others.
        within, between = float(np.median(latencies[same])), float(np.median(latencies[together & ~same]))
        if between >= SEPARATION * within and between > 0:
            found.append(_Level(groups, _dense(labels), within))
            together = same
    return found


def _dense(labels: npt.NDArray[np.int32]) -> tuple[int, ...]:
    """Groups numbered in the order of their first CPU."""
    numbers: dict[Any, int] = {}
    return tuple(numbers.setdefault(label, len(numbers)) for label in labels.tolist())
