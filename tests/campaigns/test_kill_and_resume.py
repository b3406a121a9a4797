# SPDX-License-Identifier: GPL-2.0-only
"""A short campaign of `kill_and_resume.py`, the same each time but for when kills come; and what makes it worth anything."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from kill_and_resume import KEPT, OF_WORKER, REPLACED, Campaign, Kept, notes_of, wrong_end
from processes import PATIENCE_S
from studies import studies

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found by Linux's /proc")


@pytest.mark.slow
def test_killed_studies_end_with_the_same_bytes_and_nothing_is_left_lost_or_run_twice(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, seed=1, points=5, gone_s=PATIENCE_S)
    campaign.run(6, lambda line: None)
    assert campaign.figures.findings == []
    assert campaign.figures.kills.total() == 6


@pytest.mark.parametrize("number", [0, 1], ids=["1 job", "2 jobs"])
def test_every_replication_that_is_begun_is_noted(number: int, tmp_path: Path) -> None:
    campaign, study = Campaign(tmp_path, seed=1, points=8, gone_s=PATIENCE_S), studies(8)[number]
    study.lay_out(tmp_path / "study")
    assert campaign.finish(study, tmp_path / "study") == (0, "")
    assert sorted(Kept(tmp_path / "study").begun) == [(point, 0) for point in range(8)]


@pytest.mark.parametrize(
    ("way", "code", "err"),
    [
        (None, 0, ""),
        ("SIGTERM", 143, "slabdes: ended by SIGTERM\n"),
        ("SIGINT", 130, f"slabdes: interrupted{KEPT}\n"),
        ("SIGHUP", 0, ""),
        ("SIGINT", -2, "Traceback (most recent call last): ... site.py ... KeyboardInterrupt\n"),
        ("-9 of the parent", -9, ""),
        (OF_WORKER, 0, REPLACED),
        (OF_WORKER, 0, ""),
    ],
)
def test_a_command_may_end_so(way: str | None, code: int, err: str) -> None:
    assert wrong_end(way, code, err) is None


@pytest.mark.parametrize(
    ("way", "code", "err"),
    [
        (None, 1, "slabdes: no\n"),
        (None, 0, "a warning\n"),
        ("SIGTERM", 130, "slabdes: interrupted\n"),
        ("SIGTERM", 143, ""),
        ("SIGINT", 130, "slabdes: interrupted\nTraceback (most recent call last):\n"),
        ("SIGINT", -2, 'Traceback (most recent call last): ... File "slabdes/cli/__init__.py" ... KeyboardInterrupt\n'),
        ("-9 of the group", -9, "Traceback (most recent call last):\n"),
        (OF_WORKER, 1, "slabdes: a worker process was ended from outside\n"),
    ],
)
def test_any_other_end_is_a_finding(way: str | None, code: int, err: str) -> None:
    assert wrong_end(way, code, err) is not None


def kept(folder: Path, finished: list[tuple[int, int]], begun: list[tuple[int, int]]) -> Kept:
    notes_of(folder).write_text("".join(f"{point} {replication}\n" for point, replication in begun))
    found = Kept(folder)
    found.finished = {one: number for number, one in enumerate(finished)}
    return found


@pytest.mark.parametrize(
    ("before", "begun", "after", "told"),
    [
        ([(0, 0)], [(0, 0), (1, 0)], [(0, 0), (1, 0)], "were finished and are run again"),
        ([(0, 0)], [(1, 0), (1, 0)], [(0, 0), (1, 0)], "are run twice"),
        ([(0, 0), (1, 0)], [(2, 0)], [(0, 0), (2, 0)], "finished replications are lost"),
        ([], [(0, 0), (1, 0), (2, 0)], [], "3 replications are to be run again; 1 can have been in flight"),
    ],
)
def test_what_is_lost_or_run_twice_is_a_finding(
    before: list[tuple[int, int]], begun: list[tuple[int, int]], after: list[tuple[int, int]], told: str, tmp_path: Path
) -> None:
    campaign, folder, study = Campaign(tmp_path, seed=1, points=8), tmp_path / "study", studies(8)[0]
    campaign.compare(study, "SIGTERM", kept(folder, before, []), kept(folder, after, begun))
    (finding,) = campaign.figures.findings
    assert told in finding


def test_what_is_left_or_different_at_the_end_is_a_finding(tmp_path: Path) -> None:
    campaign, folder, study = Campaign(tmp_path, seed=1, points=4), tmp_path / "study", studies(4)[0]
    study.lay_out(folder)
    campaign.whole(study)
    (folder / ".out.tmp").mkdir()
    (campaign.temporary / "copy").write_text("")
    campaign.finished(study, folder)
    assert len(campaign.figures.findings) == 2
    shutil.rmtree(folder / ".out.tmp")
    (campaign.temporary / "copy").unlink()
    path = folder / "out" / "text" / "point-0000" / "slabinfo"
    path.write_text(path.read_text() + "\n")
    campaign.finished(study, folder)
    assert "not the bytes of an undisturbed run: text/point-0000/slabinfo" in campaign.figures.findings[-1]
