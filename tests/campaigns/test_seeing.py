# SPDX-License-Identifier: GPL-2.0-only
"""The measurement of how long one waits to see, of a short run: it measures a page that is there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from seeing import CPUS, report

MOST_BYTES = 3_000_000


def test_a_run_and_its_report_are_timed_and_the_page_is_weighed(tmp_path: Path) -> None:
    ran, made, size = report(250 * CPUS, tmp_path)
    assert ran > 0 and made > 0
    assert 500_000 < size < MOST_BYTES, "Vega's script is in it"
    assert "long" in (tmp_path / "page.html").read_text(encoding="utf-8")
