# SPDX-License-Identifier: GPL-2.0-only
"""What pages say that the model leaves out is what TRUST.md says."""

from __future__ import annotations

import re
from pathlib import Path

from slabdes.answers.left_out import LEFT_OUT

TRUST = Path(__file__).parents[2] / "slabdes/TRUST.md"


def test_the_document_on_trust_says_the_same() -> None:
    section = TRUST.read_text(encoding="utf-8").partition("## What the model leaves out\n")[2].partition("\nHow large")[0]
    told = [" ".join(item.split()) for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]
    assert told == list(LEFT_OUT)
