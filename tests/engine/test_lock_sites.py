# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel functions are called that take locks: by version, and as the recorded 6.1 kernel's own lock_stat has them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from slabdes.allocator.slub.versions import LINUX_7_3
from slabdes.allocator.versions import LINUX_2_6_34, LINUX_4_6, LINUX_4_7, LINUX_6_1, VERSIONS, Version, with_switches
from slabdes.paths.sites import LockSite, function_at

CONTENDED = Path(__file__).parents[1] / "kernel61" / "contend.lock_stat.gz"
INLINED = {"___cache_free": "cache_flusharray"}
"""What gcc made of the recorded kernel."""


def test_the_names_for_6_1_are_those_of_the_real_list_locks_contention_points() -> None:
    text = gzip.decompress(CONTENDED.read_bytes()).decode()
    points = re.findall(r"&parent->list_lock +[0-9]+ +\[<[0-9a-f]+>\] (\w+)\+", text)
    assert len(points) == 8, "four in each block"
    sites = (LockSite.REFILL, LockSite.GROW, LockSite.FLUSH, LockSite.ALIENDRAIN)
    assert {INLINED.get(point, point) for point in points} == {function_at(site, LINUX_6_1) for site in sites}


@pytest.mark.parametrize(
    ("version", "growing"),
    [
        (LINUX_2_6_34, ("cache_grow", "cache_grow")),
        (LINUX_4_6, ("cache_grow", "cache_grow")),
        (with_switches(LINUX_4_6, ["private_slab"]), ("cache_grow_begin", "cache_grow_end")),
        (LINUX_4_7, ("cache_grow_begin", "cache_grow_end")),
    ],
    ids=lambda version: version.name if isinstance(version, Version) else "",
)
def test_cache_grow_is_two_functions_once_a_new_slab_is_private(version: Version, growing: tuple[str, str]) -> None:
    assert tuple(function_at(site, version) for site in (LockSite.COLOUR, LockSite.GROW)) == growing


NAMES = {
    "2.6.34": ("cache_free_alien", "buffered_rmqueue", "free_one_page"),
    "4.6": ("__cache_free_alien", "buffered_rmqueue", "free_one_page"),
    "4.7": ("__cache_free_alien", "buffered_rmqueue", "free_one_page"),
    "6.1": ("__cache_free_alien", "rmqueue_buddy", "__free_pages_ok"),
}
"""Who takes the lock for a remote free, and the zone's for pages of higher orders, by version, as remembered from the sources."""


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
def test_remote_frees_and_higher_pages_take_their_locks_in_functions_of_the_version(version: Version) -> None:
    sites = (LockSite.ALIEN, LockSite.HIGHERPAGES, LockSite.FREEPAGES)
    assert tuple(function_at(site, version) for site in sites) == NAMES[version.name]
    assert function_at(LockSite.REMOTEFREE, version) == function_at(LockSite.ALIEN, version)


def test_no_two_sites_of_different_paths_share_a_name_but_where_one_function_has_both() -> None:
    named: dict[str, set[LockSite]] = {}
    for site in LockSite:
        version = LINUX_7_3 if site.name.startswith(("BARN", "SLUB")) else LINUX_6_1
        named.setdefault(function_at(site, version), set()).add(site)
    shared = {name: sites for name, sites in named.items() if len(sites) > 1}
    assert shared == {
        "__cache_free_alien": {LockSite.ALIEN, LockSite.REMOTEFREE},
        "get_partial_node_bulk": {LockSite.SLUB_BULK, LockSite.SLUB_TRYBULK},
        "__refill_objects_node": {LockSite.SLUB_RETURN, LockSite.SLUB_BACK},
    }
