# SPDX-License-Identifier: GPL-2.0-only
"""Where an experiment sweeps its allocator, each point takes the keys of its own, and says which it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slabdes.config import Experiment, apply_settings, load_experiment, parse_experiment, points_of
from slabdes.config.families import Kind, meaningless, means_nothing
from slabdes.config.keys import experiment_keys
from slabdes.errors import InputError
from slabdes.study.plan import plan

BOTH = ["6.1", "6.12", "7.3"]


def swept(
    cache: dict[str, Any] | None = None, sweep: dict[str, Any] | None = None, allocators: tuple[str, ...] = (), **more: Any
) -> Experiment:
    raw = {"machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64} | (cache or {})], **more}
    raw |= {"workload": {"kind": "burst", "objects": 1}, "sweep": {"allocator": [*(allocators or BOTH)]} | (sweep or {})}
    return parse_experiment(raw, "file")


def test_each_point_takes_the_keys_of_its_own_allocator() -> None:
    tuned = {"limit": 120, "sheaf_capacity": 32, "min_partial": 7, "order": 1, "cpu_partial": 9}
    old, middle, new = points_of(swept(tuned, slub={"barns": "memory"}, rcu={"frees": True}, noaliencache=True))
    assert old.left == (
        "without meaning to allocator 6.1, and not in force there: cache.0.order, cache.0.sheaf_capacity, cache.0.cpu_partial, "
        "cache.0.min_partial, slub.barns, rcu.frees; frees are at once there, not by kfree_rcu"
    )
    assert middle.left.endswith("there: cache.0.limit, cache.0.sheaf_capacity, slub.barns, noaliencache")
    assert new.left.endswith("there: cache.0.limit, cache.0.cpu_partial, noaliencache")
    assert (old.experiment.cache[0].limit, old.experiment.cache[0].sheaf_capacity, old.experiment.rcu.frees) == (120, None, False)
    assert (middle.experiment.cache[0].cpu_partial, middle.experiment.slub.given, middle.experiment.rcu.frees) == (9, {}, True)
    assert (new.experiment.cache[0].sheaf_capacity, new.experiment.slub.given) == (32, {"barns": "memory"})


def test_what_is_beneath_sheaves_is_a_choice_and_decides_which_keys_mean_anything() -> None:
    raw = {"cpu_partial": 9}, {"slub.cpu_slabs": [False, True], "slub.refill_order": ["list", "reverse"]}
    points = list(points_of(swept(*raw, ("6.18", "6.12"))))
    assert [point.settings for point in points] == [
        {"allocator": "6.18", "slub.cpu_slabs": False, "slub.refill_order": "list"},
        {"allocator": "6.18", "slub.cpu_slabs": False, "slub.refill_order": "reverse"},
        {"allocator": "6.18", "slub.cpu_slabs": True},
        {"allocator": "6.12"},
    ]
    assert [point.experiment.cache[0].cpu_partial for point in points] == [None, None, 9, 9]
    assert points[0].left.startswith("without meaning to allocator 6.18 without per-CPU slabs, ")


@pytest.mark.parametrize(
    ("allocator", "cache", "slub", "told"),
    [
        ("7.3", {}, {"cpu_slabs": True, "leftovers": "head"}, "slub.leftovers is no switch of allocator 7.3 with per-CPU slabs"),
        ("6.18", {"cpu_partial": 9}, {"cpu_slabs": False}, "cpu_partial is no tunable of allocator 6.18 without per-CPU slabs"),
        (
            "6.12",
            {},
            {"cpu_slabs": False},
            "slub.cpu_slabs is no switch of allocator 6.12 without per-CPU slabs; allowed: none of",
        ),
        ("6.1", {}, {"remote_by_batches": True}, "slub.remote_by_batches is no switch of allocator 6.1; allowed: none of [slub]"),
    ],
)
def test_switches_that_make_no_sense_together_are_refused(
    allocator: str, cache: dict[str, Any], slub: dict[str, Any], told: str
) -> None:
    raw = swept().model_dump(mode="json", exclude_unset=True) | {"sweep": {}, "allocator": allocator, "slub": slub}
    with pytest.raises(InputError) as error:
        parse_experiment(raw | {"cache": [{"name": "a", "size": 64} | cache]}, "file")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_of_points_that_differ_in_what_their_allocator_lacks_there_is_one() -> None:
    points = list(points_of(swept(sweep={"cache.a.limit": [60, 120], "slub.leftovers": ["tail", "head"]})))
    assert [point.settings for point in points] == [
        {"allocator": "6.1", "cache.a.limit": 60},
        {"allocator": "6.1", "cache.a.limit": 120},
        {"allocator": "6.12"},
        {"allocator": "7.3", "slub.leftovers": "tail"},
        {"allocator": "7.3", "slub.leftovers": "head"},
    ]


def test_points_that_a_sweep_repeats_by_itself_stay() -> None:
    assert len(list(points_of(swept(sweep={"seed": [1, 1]})))) == 2 * len(BOTH)


@pytest.mark.parametrize(
    ("cache", "more", "told"),
    [
        (
            {"limit": 60, "order": 1},
            {},
            "file: sweep allocator=4.7: cache 'a': order is no tunable of allocator 4.7; allowed: limit",
        ),
        ({}, {"sweep": {"slub.barns": ["memory"]}}, "slub.barns is no switch of allocator 4.7; allowed: none of [slub]"),
        ({}, {"slub": {"refill_order": "list"}, "allocators": ("6.12", "6.18")}, "refill_order is no switch of allocator 6.12"),
        ({}, {"rcu": {"frees": True}}, "rcu.frees is simulated on SLUB alone, not on allocator 4.7"),
        ({}, {"change": {"at_ms": 1.0, "sheaf_capacity": 60}}, "[change] is of sheaves, which allocator 4.7 has not"),
        ({}, {"noaliencache": True, "allocators": ("7.2", "7.3")}, "noaliencache is simulated on SLAB alone"),
    ],
)
def test_a_key_that_no_point_takes_is_refused_as_by_the_first(cache: dict[str, Any], more: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        swept(cache, **{"allocators": ("4.7", "6.1"), **more})
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_who_settles_on_one_of_the_swept_allocators_has_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "both.toml"
    file.write_text(
        '[machine]\npreset = "uma-4"\n[[cache]]\nname = "a"\nsize = 64\nlimit = 120\nsheaf_capacity = 32\n'
        '[workload]\nkind = "burst"\nobjects = 1\n[slub]\nbarns = "memory"\n[sweep]\nallocator = ["6.1", "7.3"]\n'
    )
    old, new = (load_experiment(file, [f"allocator={version}"]) for version in ("6.1", "7.3"))
    assert (old.cache[0].limit, old.cache[0].sheaf_capacity, old.slub.given) == (120, None, {})
    assert (new.cache[0].limit, new.cache[0].sheaf_capacity, new.slub.given) == (None, 32, {"barns": "memory"})
    with pytest.raises(InputError, match="sheaf_capacity: 0 is out of range"):
        load_experiment(file, ["allocator=6.1", "cache.0.sheaf_capacity=0"])
    with pytest.raises(InputError, match=r"cpu_partial is no tunable of allocator 7\.3"):
        load_experiment(file, ["cache.0.cpu_partial=3", "allocator=7.3"])


def several() -> dict[str, Any]:
    """GUIDE's example of a sweep of allocators with keys of several."""
    return swept({"limit": 120}, {"cache.a.sheaf_capacity": [32, 60]}).model_dump(mode="json", exclude_unset=True)


def settled(raw: dict[str, Any], *settings: str) -> list[dict[str, Any]]:
    apply_settings(raw, settings)
    return [point.settings for point in points_of(parse_experiment(raw, "file"))]


def test_who_settles_on_one_allocator_sweeps_its_keys_alone() -> None:
    assert settled(several(), "allocator=6.1") == [{}]
    assert settled(several(), "allocator=7.3") == [{"cache.a.sheaf_capacity": 32}, {"cache.a.sheaf_capacity": 60}]
    with pytest.raises(InputError, match=r"cpu_partial is no tunable of allocator 6\.1"):
        settled(several(), "allocator=6.1", 'sweep={"cache.a.cpu_partial" = [3, 6]}')
    side_by_side = several() | {"sweep": {}, "zip": {"allocator": ["6.1", "7.3"], "cache.a.limit": [60, 120]}}
    assert settled(side_by_side, "allocator=7.3") == [{}]


def test_who_settles_on_an_allocator_keeps_the_keys_of_what_is_beneath_its_sheaves_while_that_is_swept() -> None:
    beneath = {"slub.cpu_slabs": [True, False], "cache.a.cpu_partial": [3, 6], "slub.leftovers": ["head", "tail"]}
    raw = swept(sweep=beneath).model_dump(mode="json", exclude_unset=True)
    assert settled(raw, "allocator=7.3") == [
        {"slub.cpu_slabs": True, "cache.a.cpu_partial": 3},
        {"slub.cpu_slabs": True, "cache.a.cpu_partial": 6},
        {"slub.cpu_slabs": False, "slub.leftovers": "head"},
        {"slub.cpu_slabs": False, "slub.leftovers": "tail"},
    ]


def test_a_table_that_is_swept_whole_goes_to_the_allocators_that_have_it() -> None:
    rules = [{"leftovers": "head"}, {"leftovers": "tail", "barns": "memory"}]
    points = list(points_of(swept(sweep={"slub": rules}, allocators=("6.1", "6.18", "7.3"))))
    assert [point.settings for point in points] == [
        {"allocator": "6.1"},
        {"allocator": "6.18", "slub": {}},
        {"allocator": "6.18", "slub": {"barns": "memory"}},
        {"allocator": "7.3", "slub": rules[0]},
        {"allocator": "7.3", "slub": rules[1]},
    ]
    caches = [{"name": "a", "size": 64, "limit": 60}, {"name": "a", "size": 64, "sheaf_capacity": 32}]
    old = [point.experiment.cache[0] for point in points_of(swept(sweep={"cache": [[cache] for cache in caches]}))]
    assert [(cache.limit, cache.sheaf_capacity) for cache in old] == [
        (60, None),
        (None, None),
        (None, None),
        (None, None),
        (None, 32),
    ]
    with pytest.raises(InputError, match=r"slub\.leftovers is no switch of allocator 6\.12; allowed: none of"):
        swept(sweep={"slub": [{}, *rules]}, allocators=("6.12", "6.18"))


@pytest.mark.parametrize("value", ["9", 6.1, True, None, {"a": 1}, ["7.3"]])
def test_what_is_no_allocator_is_refused_as_ever(value: Any) -> None:
    raw = {"machine": {"preset": "uma-4"}, "cache": [{"name": "a", "size": 64, "limit": 60}]}
    raw |= {"workload": {"kind": "burst", "objects": 1}, "sweep": {"allocator": [value]}}
    if value == 6.1:
        assert parse_experiment(raw, "file").sweep
    else:
        with pytest.raises(InputError, match="allocator"):
            parse_experiment(raw, "file")


def test_what_a_point_leaves_is_among_its_warnings(tmp_path: Path) -> None:
    old, _middle, new = plan(swept({"limit": 120}, rcu={"frees": True}), tmp_path)
    assert old.warnings[-1] == (
        "without meaning to allocator 6.1, and not in force there: rcu.frees; frees are at once there, not by kfree_rcu"
    )
    assert new.warnings[-1] == meaningless(Kind(new.experiment.allocator), ["cache.0.limit"])


def test_every_key_of_a_table_is_some_allocators() -> None:
    everyone = list(parse_experiment({**swept().model_dump(mode="json"), "sweep": {}}, "file").allocator.__class__)
    for key in experiment_keys():
        assert not all(means_nothing(Kind(version), key.path) for version in everyone), key.path
