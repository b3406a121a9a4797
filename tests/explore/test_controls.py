# SPDX-License-Identifier: GPL-2.0-only
"""Controls: keys that the experiment has, values within bounds, and one line for any other."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from live import SMALL

from slabdes.config import AllocatorVersion, parse_experiment
from slabdes.errors import InputError
from slabdes.explore.controls import KINDS, controls_of
from slabdes.explore.setting import setting_of
from slabdes.explore.source import Source, source_of
from slabdes.study.spools import Spools

TRACE = Path(__file__).parents[2] / "experiments/traces/unix_dgram_6.18.txt.gz"


def source(folder: Path, text: str = SMALL, *settings: str) -> Source:
    file = folder / "small.toml"
    file.write_text(text, encoding="utf-8")
    return source_of(file, settings, Spools(folder / "spools"))


def test_every_control_at_both_its_ends_makes_an_experiment_or_is_refused_in_a_line(tmp_path: Path) -> None:
    made = source(tmp_path)
    controls = controls_of(made)
    refused = []
    for control in controls:
        chosen = {"workload.kind": control.of} if control.of else {}
        chosen |= {"allocator": control.versions[0]} if control.versions else {}
        ends = [name for name, _label in control.options] or [f"{control.least:.15g}", f"{control.most:.15g}"]
        for text in ends:
            try:
                setting = setting_of(made, controls, {**chosen, control.key: text})
            except InputError as error:
                refused.append((control.key, text))
                assert str(error).startswith("setting: ")
            else:
                assert setting.experiment == parse_experiment(setting.experiment.model_dump(mode="json", exclude_unset=True), "x")
    assert {control.of for control in controls} == {"", *KINDS}
    # What is known only together with others: a batchcount of more than limit, switches of other kernels.
    assert {key for key, _text in refused} <= {"cache.0.batchcount", "switches"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("machine.cpus", "0"),
        ("machine.cpus", "257"),
        ("machine.cpus", "1e2"),
        ("machine.cpus", "nan"),
        ("machine.cpus", "9" * 5000),
        ("machine.cpus", ""),
        ("machine.preset", "host"),
        ("machine.preset", "../../etc/passwd"),
        ("machine.file", "/etc/passwd"),
        ("workload.file", "/etc/passwd"),
        ("workload.kind", "trace"),
        ("workload.think_ns", "inf"),
        ("workload.think_ns", "-1"),
        ("workload.rate", "5000"),
        ("workload.objects", "20001"),
        ("replications", "51"),
        ("cache.0.limit", "2049"),
        ("cache.0.name", "x"),
        ("allocator", "5.0"),
        ("log", "true"),
        ("<script>", "1"),
    ],
)
def test_what_has_no_control_or_is_out_of_bounds_is_refused_in_a_line(tmp_path: Path, key: str, text: str) -> None:
    made = source(tmp_path)
    with pytest.raises(InputError) as caught:
        setting_of(made, controls_of(made), {key: text})
    assert key in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


def test_a_control_begins_at_what_the_experiment_says_and_a_slider_has_a_place_for_it(tmp_path: Path) -> None:
    made = source(tmp_path, SMALL, "cache.0.limit=77", "workload.objects=30000", "workload.think_ns=0.3")
    controls = {control.key: control for control in controls_of(made) if control.of in ("", "burst")}
    assert controls["cache.0.limit"].text == "77"
    assert 77 in controls["cache.0.limit"].stops
    assert (controls["workload.objects"].text, controls["workload.objects"].most) == ("30000", 30_000)
    assert (controls["workload.think_ns"].text, controls["workload.think_ns"].value("0.3")) == ("0.3", 0.3)
    assert controls["cache.0.shared"].text == ""
    assert all(list(one.stops) == sorted(set(one.stops)) for one in controls.values())


def test_a_machine_that_is_no_preset_is_the_experiments(tmp_path: Path) -> None:
    made = source(tmp_path, SMALL.replace('"numa-2x4"\ncpus = 4', '"host"'))
    (machine,) = [control for control in controls_of(made) if control.key == "machine.preset"]
    assert machine.text == machine.options[0][0] == ""
    assert setting_of(made, [machine], {"machine.preset": ""}).experiment.machine.preset == "host"


KEYS = {
    "2.6.34": ["size", "limit", "batchcount", "shared"],
    "7.3": ["size", "sheaf_capacity", "max_full_sheaves", "max_empty_sheaves", "min_partial", "remote_node_defrag_ratio"],
    "6.12": ["size", "cpu_partial", "min_partial", "remote_node_defrag_ratio"],
}


@pytest.mark.parametrize("allocator", KEYS)
@pytest.mark.parametrize("other", KEYS)
def test_a_page_has_every_version_and_the_tunables_that_the_chosen_one_has(tmp_path: Path, allocator: str, other: str) -> None:
    made = source(tmp_path, SMALL, f"allocator={allocator}")
    controls = {control.key: control for control in controls_of(made)}
    assert [name for name, _label in controls["allocator"].options] == [version.value for version in AllocatorVersion]
    of_cache = [control for key, control in controls.items() if key.startswith("cache.0.")]
    for version, keys in KEYS.items():
        mine = [control.key.removeprefix("cache.0.") for control in of_cache if version in (control.versions or KEYS)]
        assert sorted(mine) == sorted(keys)
        assert ("2.6.34" in controls["switches"].versions) and "7.3" not in controls["switches"].versions
    tunable = KEYS[other][1]
    (cache,) = setting_of(made, [*controls.values()], {"allocator": other, f"cache.0.{tunable}": "3"}).experiment.cache
    assert getattr(cache, tunable) == 3


def test_a_tunable_of_another_allocator_is_refused_and_the_experiments_own_is_left_out_where_it_has_none(tmp_path: Path) -> None:
    made = source(tmp_path, SMALL, "cache.0.limit=30", "cache.0.batchcount=15", 'switches=["unlocked_look"]', "allocator=4.6")
    controls = controls_of(made)
    with pytest.raises(InputError, match="no control of this page"):
        setting_of(made, controls, {"allocator": "7.3", "cache.0.limit": "60"})
    with pytest.raises(InputError, match=r"'5\.0'"):
        setting_of(made, controls, {"allocator": "5.0"})
    on_slub = setting_of(made, controls, {"allocator": "7.3", "cache.0.sheaf_capacity": "28"})
    (cache,) = on_slub.experiment.cache
    assert (cache.limit, cache.sheaf_capacity, on_slub.experiment.switches) == (None, 28, ())
    again = parse_experiment(tomllib.loads(on_slub.toml), "again")
    assert again == on_slub.experiment.model_copy(update={"name": again.name})
    assert "switches=[]" in on_slub.command and "limit" not in on_slub.command.partition("cache=")[2]


def test_an_experiment_without_caches_offers_no_workload_that_needs_one(tmp_path: Path) -> None:
    text = '[machine]\npreset = "uma-4"\n\n[workload]\nkind = "critical_section"\noperations = 50\n'
    controls = controls_of(source(tmp_path, text))
    assert [name for one in controls if one.key == "workload.kind" for name, _label in one.options] == [
        "critical_section",
        "pages",
    ]
    assert not [one for one in controls if one.key.startswith("cache.")]


def test_a_trace_has_the_controls_of_a_replay_and_its_busiest_caches_tunables(tmp_path: Path) -> None:
    made = source_of(TRACE, ["workload.first=1000"], Spools(tmp_path))
    keys = [control.key for control in controls_of(made)]
    assert {"workload.copies", "workload.think", "workload.cpus", "workload.first"} <= set(keys)
    assert not {"machine.cpus", "machine.placement", "workload.kind"} & set(keys)
    (tuned,) = [key for key in keys if key.endswith(".limit")]
    setting = setting_of(made, controls_of(made), {tuned: "30", "workload.copies": "2", "machine.preset": "uma-4"})
    assert [(cache.name, cache.limit) for cache in setting.experiment.cache] == [(tuned.split(".")[1], 30)]
    assert setting.experiment.workload.kind == "trace"
    assert setting.experiment.workload.file == TRACE
    assert setting.command.startswith(f"slabdes replay {TRACE} ")


def test_a_machine_file_stays_where_none_is_chosen_and_goes_where_one_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nsource = "made up"\nclock_ghz = 2.0\nmemory_mib = 64\ndistances = [[10]]\n[topology]\ncores = 2\n'
    )
    made = source(tmp_path, SMALL.replace('preset = "numa-2x4"\ncpus = 4', 'file = "mine.toml"\ncosts = { list_move = 20.0 }'))
    controls = controls_of(made)
    assert setting_of(made, controls, {}).experiment.machine.file == tmp_path / "mine.toml"
    chosen = setting_of(made, controls, {"machine.preset": "uma-4"})
    assert (chosen.experiment.machine.file, chosen.experiment.machine.preset) == (None, "uma-4")
    assert chosen.experiment.machine.costs == {"list_move": 20.0}
    assert "machine={" in chosen.command
