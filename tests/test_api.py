# SPDX-License-Identifier: GPL-2.0-only
"""The Python interface: simulate, sweep, Run and Study, and the errors that they raise."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from commands import SMALL, small_experiment

import slabdes
from slabdes.measures.compare import compare_points
from slabdes.measures.estimates import quantile
from slabdes.results.metrics import rates
from slabdes.stats.intervals import paired_difference


def test_an_experiment_may_be_a_mapping_a_file_or_an_experiment(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")
    sources = (small_experiment(), file, str(file), slabdes.load_experiment(file))
    assert len({slabdes.simulate(source).digest for source in sources}) == 1


def test_a_run_has_frames_tables_and_figures_and_adds_up() -> None:
    run = slabdes.simulate(small_experiment())
    assert isinstance(run, slabdes.Run)
    assert not isinstance(run, slabdes.Study)
    assert run.check() == []
    assert dict(run.summary().select("op", "operations").iter_rows()) == {"alloc": 600.0, "free": 600.0}
    assert run.cpus.filter(run.cpus["allocs"] > 0).height == 2 * 4
    assert run.plot.ccdf()._repr_png_().startswith(b"\x89PNG")
    assert "size" not in run._repr_mimebundle_()["text/html"].split("</p>")[1]
    assert run.digest[:12] in repr(run)


def test_a_run_folder_loads_as_the_run_that_wrote_it(tmp_path: Path) -> None:
    run = slabdes.simulate(small_experiment(), out=tmp_path / "out")
    loaded = slabdes.Run.load(tmp_path / "out")
    assert type(loaded) is type(run)
    assert loaded.digest == run.digest
    assert loaded.manifest == run.manifest
    assert all(
        mine.equals(theirs) for (_name, mine), (_same, theirs) in zip(run.frames.items(), loaded.frames.items(), strict=True)
    )
    assert sorted(path.name for path in loaded.plot.save(tmp_path / "again")) == sorted(
        path.name for path in (tmp_path / "out" / "figures").iterdir()
    )


def test_a_sweep_runs_every_combination_of_its_own_and_of_the_experiments_keys() -> None:
    base = small_experiment() | {"sweep": {"machine.cpus": [1, 2]}}
    study = slabdes.sweep(base, {"cache.0.limit": [10, 120]})
    assert isinstance(study, slabdes.Study)
    settings = [(point["cpus"], point["settings"]["cache.0.limit"]) for point in study.manifest.points]
    assert settings == [(1, 10), (1, 120), (2, 10), (2, 120)]


def test_a_sweep_over_nothing_is_a_study_of_one_point() -> None:
    study = slabdes.sweep(small_experiment())
    assert isinstance(study, slabdes.Study)
    assert study.points.height == 1


def test_a_point_of_a_study_has_the_digest_of_the_experiment_run_alone() -> None:
    study = slabdes.sweep(small_experiment(), {"machine.cpus": [2, 4]})
    point = study.point(1)
    assert point.digest == slabdes.simulate(small_experiment()).digest
    assert point.plot.machine() is not None
    with pytest.raises(slabdes.InputError):
        study.point(2)


def test_a_tunable_shifts_no_draw_so_that_points_compare_in_pairs() -> None:
    mixed = small_experiment() | {"workload": {"kind": "mix", "operations": 200, "live": 30}}
    study = slabdes.sweep(mixed, {"cache.0.limit": [10, 120]})
    done = study.summary().select("point", "op", "operations").rows()
    assert [row[1:] for row in done if row[0] == 0] == [row[1:] for row in done if row[0] == 1]
    gain = compare_points(study.frames, (0, 1)).row("operations_per_s")
    assert gain is not None and gain.difference.n == 2
    same = slabdes.sweep(small_experiment(), {"name": ["a", "b"]})
    assert {row.difference.value for row in compare_points(same.frames, (0, 1)).rows} == {0.0}


@pytest.fixture(scope="module")
def study() -> slabdes.Study:
    mixed = small_experiment() | {"workload": {"kind": "mix", "operations": 200, "live": 30}, "replications": 3}
    return slabdes.sweep(mixed, {"cache.0.limit": np.array([10, 120])})


def test_arrays_ranges_and_their_numbers_stand_where_lists_and_numbers_do(study: slabdes.Study) -> None:
    lists = {"workload": {"kind": "mix", "operations": 200, "live": 30}, "replications": 3}
    arrays = {"workload": {"kind": "mix", "operations": np.int64(200), "live": np.int16(30)}, "replications": np.uint8(3)}
    assert study.digest == slabdes.sweep(small_experiment() | arrays, {"cache.0.limit": pl.Series([10, 120])}).digest
    assert study.digest == slabdes.sweep(small_experiment() | lists, {"cache.0.limit": range(10, 121, 110)}).digest
    assert study.plot.ccdf(points=np.array([1])) is not None
    with pytest.raises(slabdes.InputError, match=r"sweep: machine\.cpus|machine\.cpus: 1\.5"):
        slabdes.sweep(small_experiment(), {"machine.cpus": np.array([1.5])})


def test_a_replication_is_a_run_of_its_own(study: slabdes.Study) -> None:
    alone = study.replication(0, 0)
    assert isinstance(alone, slabdes.Run)
    assert alone.check() == []
    assert alone.summary()["operations"].to_list() == [sum(alone.cpus["allocs"]), sum(alone.cpus["frees"])]
    single = small_experiment() | {"workload": {"kind": "mix", "operations": 200, "live": 30}, "replications": 1}
    assert alone.digest == slabdes.sweep(single, {"cache.0.limit": [10]}).digest
    with pytest.raises(slabdes.InputError, match="replication: 3 is not in this run; allowed: 0 to 2"):
        study.replication(0, 3)


def test_a_quantile_has_an_interval_over_replications(study: slabdes.Study) -> None:
    point = study.point(0)
    tail = point.quantile(0.99, "alloc")
    assert isinstance(tail, slabdes.Interval)
    assert tail == quantile(point.latency.filter(pl.col("op") == "alloc"), 0.99)
    assert tail.value == point.summary().filter(pl.col("op") == "alloc")["p99_ns"].item()
    assert study.quantile(0.5, "free", point=1) == study.point(1).quantile(0.5, "free")
    with pytest.raises(slabdes.InputError, match=r"op: 'fre' is not in this run \(did you mean free\?\)"):
        point.quantile(0.5, "fre")
    with pytest.raises(slabdes.InputError, match="point: none is given, and this run has 2"):
        study.quantile(0.5)


def test_two_runs_or_two_points_are_compared_in_pairs(study: slabdes.Study, tmp_path: Path) -> None:
    sides = slabdes.compare(study.point(0), study.point(1))
    values = [rates(study.frames.of_points([point]))["operations_per_s"].to_list() for point in (0, 1)]
    expected, found = paired_difference(*values), sides.difference()
    assert (found.mean, found.half_width) == pytest.approx((expected.mean, expected.half_width))
    assert "limit 120" in str(sides)
    assert "<table" in sides._repr_mimebundle_()["text/html"]
    by_key = slabdes.compare(study, by="limit").frame()
    assert by_key["difference"].to_list() == sides.frame()["difference"].to_list()
    study.point(1).save(tmp_path / "run")
    assert slabdes.compare(tmp_path / "run", study.point(1)).difference().value == 0
    for wrong in ((study,), (study, study, "limit")):
        with pytest.raises(slabdes.InputError, match="compare: give a second run or by"):
            slabdes.compare(*wrong[:2], by="".join(wrong[2:]))


def test_tails_of_several_runs_lie_on_one_axis(study: slabdes.Study) -> None:
    one, other = study.point(0), study.point(1)
    figure = one.plot.ccdf(beside=other, labels=["limit 10", "limit 120"])
    tails = [axes for axes in figure.axes if axes.get_legend()]
    for axes in tails:
        assert [line.get_label() for line in axes.lines] == ["limit 10", "limit 120"]
    assert len(figure.axes) == 2 * len(tails)  # beneath each, how many times as long percentiles are
    with pytest.raises(slabdes.InputError, match="2 runs, 1 labels"):
        one.plot.ccdf(beside=[other], labels=["one"])


def test_a_frame_for_pandas_needs_pandas_alone_and_says_so(study: slabdes.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(slabdes.InputError, match="to_pandas: pandas is not installed; allowed: pip install pandas"):
        study.to_pandas()
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert list(study.to_pandas("summary")["op"]) == study.summary()["op"].to_list()
    assert list(study.to_pandas("cpus")["allocs"]) == study.cpus["allocs"].to_list()
    assert slabdes.to_pandas(study.runs)["warnings"] == study.runs["warnings"].to_list()
    with pytest.raises(slabdes.InputError, match=r"no frame 'locsk' \(did you mean locks\?\)"):
        study.to_pandas("locsk")


def test_progress_is_told_up_to_the_last_operation() -> None:
    heard: list[tuple[str, int, int]] = []
    slabdes.simulate(small_experiment(), progress=lambda what, done, total: heard.append((what, done, total)))
    assert heard[0] == ("simulating", 0, 2400)
    assert heard[-1][1:] == (2400, 2400)
    assert {what.partition(": ")[0] for what, _done, _total in heard} == {"simulating"}
    assert [done for _what, done, _total in heard] == sorted(done for _what, done, _total in heard)


def test_bad_input_is_one_error_of_one_line() -> None:
    with pytest.raises(
        slabdes.InputError, match=r"^experiment: workload\.objcts: unknown key \(did you mean objects\?\)"
    ) as error:
        slabdes.simulate(small_experiment(objcts=3))
    assert isinstance(error.value, slabdes.SlabdesError)
    with pytest.raises(slabdes.InputError, match="sweep"):
        slabdes.sweep(small_experiment(), {"machine.cpus": []})


def test_every_public_name_is_there() -> None:
    assert all(getattr(slabdes, name) is not None for name in slabdes.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        slabdes.nonsense  # noqa: B018 -- asking is the test
