# SPDX-License-Identifier: GPL-2.0-only
"""Finds cores, clusters and nodes in a matrix of core-to-core latencies by hierarchical clustering.

Leaves out what latencies cannot tell: which node memory hangs on, and whether a lone level of few
groups is made of nodes or of clusters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SEPARATION: Final = 1.3
"""A level counts if each of its groups is this many times further from the nearest of its neighbours, within a group of the
level above, than apart in itself (medians; assumed: 1.43 between the sockets of 2x_AMD_EPYC_7601.csv is the least of ten
published tables)."""
SIBLINGS_NS: Final = 15.0
"""CPUs at most this far apart (mean) are threads of one core: 7 to 12 ns in published tables, cores that share a cache
16 ns and more (assumed between the two)."""
MOST_THREADS: Final = 8
"""Most threads of a core (POWER has 8)."""
CACHE_NS: Final = 30.0
"""Groups of CPUs at most this far apart (median) share a cache, be they dies or pairs, and are no nodes: 25 ns in a core complex
of 2x_AMD_EPYC_7742.csv, 36 ns in a node of HiSilicon_Kunpeng_920-6426.csv (assumed between the two)."""
LEAST_OF_NODE: Final = 3
"""CPUs of a node, at least: pairs are modules that share a cache (assumed)."""
MOST_NODES: Final = 8
"""A level of more groups is taken as clusters: L3 domains come in greater number than nodes (assumed)."""
RULE: Final = (
    f"found by clustering: CPUs within {SIBLINGS_NS:g} ns are threads of a core; levels are groups {SEPARATION:g} times further "
    f"apart than within; the coarsest of at most {MOST_NODES} groups, wider than {CACHE_NS:g} ns, are nodes, the coarsest of the "
    "others clusters"
)


@dataclass(frozen=True)
class Grouping:
    """Dense indexes: node and core by CPU, cluster by core (None if no level is left for clusters)."""

    node_of_cpu: tuple[int, ...]
    core_of_cpu: tuple[int, ...]
    cluster_of_core: tuple[int, ...] | None


def group(transfer_ps: Sequence[Sequence[int]], nodes: int | None = None) -> Grouping:
    """Cores, clusters and nodes by RULE, from a full symmetric matrix in ps; with `nodes`, so many of these, whatever they are.

    Raises ValueError, which says what there is, if no level has so many groups.
    """
    import numpy as np

    matrix = np.array(transfer_ps, dtype=np.float64) / 1000
    cores = _cores(matrix)
    levels = _levels(matrix, cores)
    chosen = next((level for level in levels if _are_nodes(level)), None) if nodes is None else _of_so_many(levels, nodes)
    clusters = None
    if others := [level for level in levels if level is not chosen and (chosen is None or level.groups > chosen.groups)]:
        # A cut between levels takes whole nodes beside parts of others; makers make clusters alike, unless some CPUs are off.
        level = next((level for level in others if level.alike), others[0])
        cluster_of = dict(zip(cores, level.labels, strict=True))
        clusters = tuple(cluster_of[core] for core in sorted(cluster_of))
    return Grouping((0,) * len(cores) if chosen is None else chosen.labels, cores, clusters)


@dataclass(frozen=True)
class _Level:
    groups: int
    labels: tuple[int, ...]
    within_ns: float

    @property
    def alike(self) -> bool:
        """Whether all groups have as many CPUs."""
        return len(set(Counter(self.labels).values())) == 1


def _are_nodes(level: _Level) -> bool:
    least = min(Counter(level.labels).values())
    return level.groups <= MOST_NODES and level.within_ns > CACHE_NS and least >= LEAST_OF_NODE


def _of_so_many(levels: Sequence[_Level], nodes: int) -> _Level | None:
    if nodes == 1:
        return None
    for level in levels:
        if level.groups == nodes:
            return level
    raise ValueError(f"1{''.join(f', {level.groups}' for level in levels)}")


def _cores(matrix: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """Core by CPU, judged one by one; a CPU each where more are near each other than a core has threads."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    labels = fcluster(linkage(squareform(matrix, checks=False), "average"), SIBLINGS_NS, "distance")
    sizes = Counter(labels.tolist())
    if not matrix.any() or max(sizes.values()) > MOST_THREADS:
        return tuple(range(len(matrix)))
    for first, second in _disturbed(matrix, labels.tolist()):
        labels[second] = labels[first]
    return _dense(labels)


def _disturbed(matrix: npt.NDArray[np.float64], labels: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of CPUs that are alone, nearest to each other, and as far apart in number as the threads of most cores are.

    Something else ran on such a core while it was measured.
    """
    import numpy as np

    sizes = Counter(labels)
    members: dict[int, list[int]] = {}
    for cpu, label in enumerate(labels):
        members.setdefault(label, []).append(cpu)
    strides = Counter(own[1] - own[0] for own in members.values() if len(own) == 2)
    stride, count = max(strides.items(), key=lambda item: item[1], default=(0, 0))
    if 4 * count <= len(labels):  # not of most CPUs
        return
    nearest = (matrix + np.diag(np.full(len(matrix), np.inf))).argmin(axis=1)
    for cpu, other in enumerate(nearest.tolist()):
        alone = sizes[labels[cpu]] == sizes[labels[other]] == 1
        if alone and other - cpu == stride and nearest[other] == cpu:
            yield cpu, other


def _levels(matrix: npt.NDArray[np.float64], cores: Sequence[int]) -> list[_Level]:
    """Levels that count, coarsest first; being cuts of one tree, each divides the groups of the one before.

    Cores are grouped, each as near to another as any of their threads: one CPU that was disturbed says nothing of its core.
    """
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    of_cores = _between_cores(matrix, cores)
    if len(of_cores) < 2:
        return []
    tree = linkage(squareform(of_cores, checks=False), "ward")
    above = np.zeros(len(of_cores), dtype=np.int64)
    found = []
    # A group of one is no level; neither is all in one.
    for groups in range(2, len(of_cores) // 2 + 1):
        labels = np.array(_dense(fcluster(tree, groups, "maxclust")))
        sizes = np.bincount(labels)
        if len(sizes) != groups or sizes.min() < 2:
            continue
        if within := _apart(of_cores, labels, above):
            found.append(_Level(groups, tuple(labels[list(cores)].tolist()), within))
            above = labels
    return found


def _between_cores(matrix: npt.NDArray[np.float64], cores: Sequence[int]) -> npt.NDArray[np.float64]:
    """The least latency between threads of each two cores."""
    import numpy as np

    count = max(cores) + 1
    least = np.full((count, count), np.inf)
    index = np.array(cores)
    np.minimum.at(least, (index[:, None], index[None, :]), matrix)
    np.fill_diagonal(least, 0.0)
    return least


def _apart(matrix: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], above: npt.NDArray[np.int64]) -> float:
    """The median latency within groups, ns; 0 unless each group is further from its neighbours than its CPUs from each other.

    Of groups of one size half are enough: what disturbs a part of a machine while it is measured makes none of its groups less.
    """
    import numpy as np

    numbers = range(labels.max() + 1)
    members = [np.flatnonzero(labels == number) for number in numbers]
    inside = [np.median(matrix[np.ix_(own, own)][np.triu_indices(len(own), 1)]) for own in members]
    apart = 0
    for number, own in enumerate(members):
        # Only against neighbours in the group above, or every part of a socket would look apart from all the others.
        near = [other for other in numbers if other != number and above[members[other][0]] == above[own[0]]]
        between = min((np.median(matrix[np.ix_(own, members[other])]) for other in near), default=np.inf)
        apart += bool(between >= SEPARATION * inside[number] and between > 0)
    alike = len({len(own) for own in members}) == 1
    return float(np.median(inside)) if 2 * apart >= len(members) * (1 if alike else 2) else 0.0


def _dense(labels: npt.NDArray[np.int32]) -> tuple[int, ...]:
    """Groups numbered in the order of their first CPU."""
    numbers: dict[Any, int] = {}
    return tuple(numbers.setdefault(label, len(numbers)) for label in labels.tolist())
