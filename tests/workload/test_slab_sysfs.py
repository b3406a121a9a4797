# SPDX-License-Identifier: GPL-2.0-only
"""Copies of /sys/kernel/slab: trees and tar files as they are made, and what is told of those that are none."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from slabdes.config import AllocatorVersion, CacheConfig, parse_experiment
from slabdes.engine.setup import slub_version_of
from slabdes.engine.slub_setup import slub_geometry_of
from slabdes.errors import InputError
from slabdes.study.plan import plan
from slabdes.workload import slab_sysfs
from slabdes.workload.slab_sysfs import read_slab_sysfs

FILES: Mapping[str, str] = {
    "object_size": "256\n",
    "slab_size": "256\n",
    "objs_per_slab": "16\n",
    "order": "0\n",
    "align": "64\n",
    "hwcache_align": "1\n",
    "destroy_by_rcu": "0\n",
    "reclaim_account": "0\n",
    "ctor": "",
    "sheaf_capacity": "40\n",
    "cpu_partial": "0\n",
    "min_partial": "7\n",
    "remote_node_defrag_ratio": "50\n",
    "objects": "123 N0=100 N1=23\n",
    "alloc_fastpath": "12 C0=7 C1=5\n",
}
"""A cache of a 7.x kernel that was booted with slub_max_order=0, counters among them."""
Make = Callable[[Path, Mapping[str, Mapping[str, str]]], Path]


def tree(folder: Path, caches: Mapping[str, Mapping[str, str]]) -> Path:
    for name, files in caches.items():
        (folder / name).mkdir(parents=True)
        for file, text in files.items():
            (folder / name / file).write_text(text)
    return folder


def tar(path: Path, caches: Mapping[str, Mapping[str, str]], above: str = "sys/kernel/slab/") -> Path:
    """As tar makes it of sysfs: files said to be a page, padded with zeros."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as out:
        for name, files in caches.items():
            for file, text in files.items():
                member = tarfile.TarInfo(f"{above}{name}/{file}")
                member.size = 4096
                out.addfile(member, io.BytesIO(text.encode().ljust(4096, b"\0")))
        member = tarfile.TarInfo(f"{above}kmalloc-256")
        member.type, member.linkname = tarfile.SYMTYPE, ":0000256"
        out.addfile(member)
    path.write_bytes(gzip.compress(made.getvalue()) if path.suffix == ".gz" else made.getvalue())
    return path


@pytest.mark.parametrize("name", ["slab", "slab.tar", "slab.tar.gz"])
def test_a_tree_and_a_tar_of_it_tell_the_same(tmp_path: Path, name: str) -> None:
    caches = {":0000256": FILES}
    if name == "slab":
        path = tree(tmp_path / name, caches)
        (path / "kmalloc-256").symlink_to(":0000256")
    else:
        path = tar(tmp_path / name, caches)
    sysfs = read_slab_sysfs(path)
    assert sysfs.cache("kmalloc-256") is sysfs.cache("size-256") is sysfs.cache(":0000256")
    tuned = sysfs.cache("kmalloc-256").tuned(CacheConfig(name="kmalloc-256", min_partial=3), AllocatorVersion.V7_3)
    # cpu_partial reads 0 in a kernel that has none; what the experiment says goes before.
    assert tuned.model_dump(exclude_defaults=True, mode="json") == {
        "name": "kmalloc-256",
        "size": 256,
        "align": 64,
        "flags": ["HWCACHE_ALIGN"],
        "order": 0,
        "sheaf_capacity": 40,
        "min_partial": 3,
        "remote_node_defrag_ratio": 50,
    }
    older = sysfs.cache("kmalloc-256").tuned(CacheConfig(name="kmalloc-256"), AllocatorVersion.V6_12)
    assert (older.sheaf_capacity, older.cpu_partial, older.min_partial) == (None, None, 7)
    slab = sysfs.cache("kmalloc-256").tuned(CacheConfig(name="kmalloc-256"), AllocatorVersion.V6_1)
    assert (slab.size, slab.order, slab.min_partial) == (256, None, None)
    assert sysfs.notes == ()


@pytest.mark.parametrize(
    ("other", "capacity", "of_b"),
    [("a", "40", [40, 0]), ("maple_node", "32", [32, 28])],
    ids=["of a kernel whose caches all have sheaves", "of 6.18, where few do"],
)
def test_a_capacity_of_0_is_believed_where_other_caches_have_sheaves_without_asking(
    tmp_path: Path, other: str, capacity: str, of_b: list[int]
) -> None:
    path = tree(tmp_path / "slab", {other: FILES | {"sheaf_capacity": capacity}, "b": FILES | {"sheaf_capacity": "0"}})
    raw = {"allocator": "7.3", "machine": {"preset": "numa-2x4"}, "cache": [{"name": other}, {"name": "b"}], "sysfs": str(path)}
    (point,) = plan(parse_experiment(raw | {"workload": {"kind": "burst", "objects": 40}}, "test"), tmp_path)
    version = slub_version_of(point.experiment)
    assert [slub_geometry_of(cache, 8, version).sheaf_capacity for cache in point.caches] == of_b
    asked = read_slab_sysfs(path).cache("b").tuned(CacheConfig(name="b", sheaf_capacity=60), AllocatorVersion.V7_3)
    assert slub_geometry_of(asked, 8, version).sheaf_capacity == 60


def test_a_run_has_the_slabs_and_settings_of_the_copied_kernel_and_differences_are_told(tmp_path: Path) -> None:
    path = tree(tmp_path / "sys" / "kernel" / "slab", {"a": FILES, "b": FILES | {"slab_size": "320\n", "objs_per_slab": "12\n"}})
    raw = {
        "allocator": "7.3",
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "a"}, {"name": "b"}],
        "workload": {"kind": "burst", "objects": 40},
        "sysfs": str(tmp_path),
    }
    (point,) = plan(parse_experiment(raw, "test"), tmp_path)
    assert [(cache.size, cache.order, cache.sheaf_capacity) for cache in point.caches] == [(256, 0, 40)] * 2
    theirs, ours = "12 objects of 320 bytes in 1 page", "16 objects of 256 bytes in 1 page"
    assert point.warnings == (f"{path.parents[2]}: a slab of b has {theirs}; allocator 7.3 has {ours}",)
    (record,) = [one for one in point.workload(0).caches if one.name == "a"]
    assert record.min_partial == 7


def test_slabinfo_of_either_allocator_gives_slub_sizes_alone(tmp_path: Path) -> None:
    slabinfo = tmp_path / "slabinfo"
    slabinfo.write_text("slabinfo - version: 2.1\ndentry 100 105 192 21 1 : tunables 120 60 8 : slabdata 5 5 60\n")
    raw = {
        "allocator": "7.3",
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "dentry"}],
        "workload": {"kind": "burst", "objects": 40},
        "slabinfo": str(slabinfo),
    }
    (point,) = plan(parse_experiment(raw, "test"), tmp_path)
    assert [(cache.size, cache.limit) for cache in point.caches] == [(192, None)]
    assert not any("a slab of" in warning for warning in point.warnings), "21 objects of 192 bytes in a page there, too"


def test_links_that_lead_out_of_it_are_not_followed(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", {"secret": FILES})
    path = tree(tmp_path / "slab", {"a": {file: text for file, text in FILES.items() if file != "min_partial"}})
    (path / "secret").symlink_to(outside / "secret")
    (path / "up").symlink_to("..")
    (path / "a" / "min_partial").symlink_to(outside / "secret" / "min_partial")
    sysfs = read_slab_sysfs(path)
    assert sysfs.find("secret") is sysfs.find("up") is None
    assert "min_partial" not in sysfs.cache("a").numbers
    assert sysfs.notes == (f"{path}: 3 links that lead elsewhere are not followed",)


def test_a_cache_that_is_broken_is_left_out_and_told(tmp_path: Path) -> None:
    path = tree(tmp_path / "slab", {"a": FILES, "b": FILES | {"order": "x"}, "c": FILES | {"object_size": "0"}})
    sysfs = read_slab_sysfs(path)
    assert list(sysfs.caches) == ["a"]
    assert sysfs.notes == (f"{path}: b/order: left out: 'x' (1 caches more likewise)",)
    with pytest.raises(InputError, match=r"no cache 'd'.*allowed: one of its 1 names"):
        sysfs.cache("d")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"order": "11"}, r"a/order: '11'; allowed: 0 to 10"),
        ({"order": "9" * 5000}, r"a/order: '9{10,80}.*'; allowed: 0 to 10"),
        ({"object_size": "-8"}, r"a/object_size: '-8'; allowed: 0 to 4194304"),
    ],
)
def test_a_broken_tree_is_one_line(tmp_path: Path, files: Mapping[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        read_slab_sysfs(tree(tmp_path / "slab", {"a": {**FILES, **files}}))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_what_is_no_copy_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    missing = {"a": {file: text for file, text in FILES.items() if file != "order"}}
    whole = tar(tmp_path / "whole.tar.gz", {"a": FILES})
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[:300])
    text = tmp_path / "text"
    text.write_text("no tar at all" * 100)
    for path, told in (
        (tmp_path / "empty", "no cache in it"),
        (tmp_path / "none", "No such file"),
        (text, "no tar file, or a damaged one"),
        (cut, "no tar file, or a damaged one"),
        (tree(tmp_path / "missing", missing), "a: no file order"),
    ):
        with pytest.raises(InputError, match=told):
            read_slab_sysfs(path)
    for bound, most, told in (("MAX_MEMBERS", 3, "too many files"), ("MAX_BYTES", 20_000, "larger than")):
        with monkeypatch.context() as patched, pytest.raises(InputError, match=told):
            patched.setattr(slab_sysfs, bound, most)
            read_slab_sysfs(whole)


def test_an_order_that_holds_no_object_is_refused(tmp_path: Path) -> None:
    raw = {
        "allocator": "7.3",
        "machine": {"preset": "numa-2x4"},
        "cache": [{"name": "a", "size": 9000, "order": 0}],
        "workload": {"kind": "burst", "objects": 40},
    }
    with pytest.raises(InputError, match=r"cache 'a': order 0: 0 objects a slab; allowed: an order with 1 to 4095, such as 3"):
        plan(parse_experiment(raw, "test"), tmp_path)
    with pytest.raises(InputError, match=r"order is no tunable of allocator 6\.1; allowed: limit"):
        parse_experiment(raw | {"allocator": "6.1"}, "test")


def test_sheaves_smaller_than_any_kernel_makes_them_are_told(tmp_path: Path) -> None:
    raw = {"allocator": "7.3", "machine": {"preset": "numa-2x4"}, "workload": {"kind": "burst", "objects": 40}}
    for capacity, told in ((27, ("cache a: sheaf_capacity 27 is no kernel's: by size 7.3 has 28, and takes no less",)), (28, ())):
        cache = {"name": "a", "size": 256, "sheaf_capacity": capacity}
        assert plan(parse_experiment(raw | {"cache": [cache]}, "test"), tmp_path)[0].warnings == told
    cache = {"name": "a", "size": 256, "sheaf_capacity": 27}
    assert plan(parse_experiment(raw | {"cache": [cache], "allocator": "6.18"}, "test"), tmp_path)[0].warnings == ()
