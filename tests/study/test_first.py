# SPDX-License-Identifier: GPL-2.0-only
"""The first operations of a run, told again: those of the run, or an error that says why not, before it takes long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slabdes.api import simulate
from slabdes.errors import InputError
from slabdes.results.run import Run
from slabdes.study import first
from slabdes.study.first import first_told

STORY = Path(__file__).parents[1] / "explain" / "story.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("first") / "run"
    done = simulate(STORY)
    done.save(folder)
    return folder, Run.load(folder)


def refused(folder: Path, run: Run, **provenance: Any) -> str:
    manifest = replace(run.manifest, provenance=run.manifest.provenance | provenance)
    with pytest.raises(InputError) as error:
        first_told(folder, manifest, 0, 12)
    return str(error.value)


def test_they_are_the_runs_own(run: tuple[Path, Run]) -> None:
    told = first_told(run[0], run[1].manifest, 0, 12)
    assert [(one.cpu, one.number) for one in told] == [(0, number) for number in range(12)]


def test_what_another_version_ran_is_not_told(run: tuple[Path, Run]) -> None:
    assert "run by another version of slabdes" in refused(*run, read={"inputs": {}, "sources": "0" * 64})
    assert "run by another version of slabdes" in refused(*run, read=None)


def test_what_takes_long_is_not_told(run: tuple[Path, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(first.MOST_BYTES + 1))
    assert "takes long" in refused(*run, read=run[1].manifest.provenance["read"] | {"inputs": {str(large): ""}})
    monkeypatch.setattr(first, "MOST_RUN", 0)
    assert "takes long" in refused(*run)
