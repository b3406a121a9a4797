# SPDX-License-Identifier: GPL-2.0-only
"""Which kernels' allocators there are, SLAB's and SLUB's, and which keys of an experiment are of one of them alone.

Leaves out what the allocators do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final


class AllocatorVersion(StrEnum):
    """Kernels whose allocator can be simulated: SLAB up to 6.1, SLUB from 6.12 on."""

    V2_6_34 = "2.6.34"
    V4_6 = "4.6"
    V4_7 = "4.7"
    V6_1 = "6.1"
    V6_12 = "6.12"
    V6_18 = "6.18"
    V7_0 = "7.0"
    V7_1 = "7.1"
    V7_2 = "7.2"
    V7_3 = "7.3"

    @property
    def is_slub(self) -> bool:
        """Whether it is SLUB."""
        return self in SLUB_KEYS


SLAB_KEYS: Final = ("limit", "batchcount", "shared")
"""Tunables of a cache that only SLAB has."""
_OF_SLAB: Final = (*SLAB_KEYS, "frees_look_up")
"""Keys of a cache that only SLAB has."""
_OF_SLUB: Final = ("min_partial", "remote_node_defrag_ratio")
LAYOUT: Final = ("order",)
"""Keys of how a cache is laid out that every SLUB has, and SLAB has not; they are no tunables."""
_OF_SHEAVES: Final = ("sheaf_capacity", "max_full_sheaves", "max_empty_sheaves")
SLUB_KEYS: Final[Mapping[AllocatorVersion, tuple[str, ...]]] = {
    AllocatorVersion.V6_12: ("cpu_partial", *_OF_SLUB),
    AllocatorVersion.V6_18: (*_OF_SHEAVES, "cpu_partial", *_OF_SLUB),
    AllocatorVersion.V7_0: (*_OF_SHEAVES, *_OF_SLUB),
    AllocatorVersion.V7_1: (*_OF_SHEAVES, *_OF_SLUB),
    AllocatorVersion.V7_2: (*_OF_SHEAVES, *_OF_SLUB),
    AllocatorVersion.V7_3: (*_OF_SHEAVES, *_OF_SLUB),
}
"""Keys of a cache that these versions have, and SLAB has not."""
CPU_PARTIAL: Final = "cpu_partial"
"""The one of them that goes with per-CPU slabs, which a switch gives to other versions, or takes from them."""


def has_cpu_slabs(version: AllocatorVersion, said: bool | None) -> bool:
    """Whether each CPU has a slab of its own: as the version has it, unless slub.cpu_slabs has `said` otherwise."""
    return CPU_PARTIAL in SLUB_KEYS.get(version, ()) if said is None else said


def slub_tunables(version: AllocatorVersion, cpu_slabs: bool | None = None) -> tuple[str, ...]:
    """Keys of a cache in a SLUB of this version, and with what slub.cpu_slabs says; none for SLAB."""
    own = SLUB_KEYS.get(version, ())
    if not has_cpu_slabs(version, cpu_slabs):
        return tuple(key for key in own if key != CPU_PARTIAL)
    return own if CPU_PARTIAL in own or not own else (*own, CPU_PARTIAL)


_ALL_SLUB_KEYS: Final = (*dict.fromkeys(key for keys in SLUB_KEYS.values() for key in keys), *LAYOUT)
_SLAB_FLAGS: Final = ("MEM_SPREAD",)


def _own(version: AllocatorVersion, cpu_slabs: bool | None) -> tuple[str, ...]:
    return (*slub_tunables(version, cpu_slabs), *LAYOUT) if version.is_slub else _OF_SLAB


def cache_keys_beside(version: AllocatorVersion, cpu_slabs: bool | None = None) -> tuple[str, ...]:
    """Keys of a cache that another allocator has, and this version, with what slub.cpu_slabs says, has not."""
    return tuple(key for key in (*_OF_SLAB, *_ALL_SLUB_KEYS) if key not in _own(version, cpu_slabs))


def named(version: AllocatorVersion, cpu_slabs: bool | None) -> str:
    """A version as sentences call it: with what slub.cpu_slabs says, if it says anything."""
    layer = {None: "", True: " with per-CPU slabs", False: " without per-CPU slabs"}[cpu_slabs]
    return f"allocator {version.value}{layer}"


def check_cache_keys(
    version: AllocatorVersion, cache: str, given: Iterable[str], flags: Iterable[str], cpu_slabs: bool | None = None
) -> None:
    """Raise ValueError for the first key `given` of a cache, or flag, that the allocator of this version has not."""
    for key in cache_keys_beside(version, cpu_slabs):
        if key in given:
            own = ", ".join(_own(version, cpu_slabs))
            raise ValueError(f"cache {cache!r}: {key} is no tunable of {named(version, cpu_slabs)}; allowed: {own}")
    if not version.is_slub:
        return
    for flag in flags:
        if flag in _SLAB_FLAGS:
            raise ValueError(f"cache {cache!r}: flag {flag} does nothing in allocator {version.value}; allowed: none of it")
    if "sheaf_capacity" in given and "NOLEAKTRACE" in flags:
        raise ValueError(f"cache {cache!r}: sheaf_capacity with NOLEAKTRACE, whose caches have no sheaves; allowed: one of them")


def check_slub(version: AllocatorVersion, asked: Iterable[tuple[str, bool]]) -> None:
    """Raise ValueError for the first key of those that are SLAB's which an experiment on SLUB has `asked` for (key, whether)."""
    if not version.is_slub:
        return
    for key, is_asked in asked:
        if is_asked:
            where = f"simulated on SLAB alone, not on allocator {version.value}"
            raise ValueError(f"{key} is {where}; allowed: allocator {', '.join(slab_versions())}")


def slab_versions() -> Iterator[str]:
    """The versions that are SLAB."""
    return (version.value for version in AllocatorVersion if not version.is_slub)
