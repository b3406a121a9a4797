# SPDX-License-Identifier: GPL-2.0-only
"""A shell's prompts in text that was copied from a terminal: recognised, left out and told.

Leaves out what else a terminal shows (a window's borders, colours).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_PROMPT: Final = r"(?:\[?\w[\w.-]*@\S.*|[\w/~.-]*)[#$%>]"


def is_prompt(line: str, command: str = "") -> bool:
    """Whether a line is a prompt, alone or (with a name) with that command behind it."""
    behind = rf"(?:\s*{re.escape(command)}\b.*)?" if command else ""
    return re.fullmatch(rf"{_PROMPT}{behind}\s*", line.strip()) is not None


def left_out_source(lines: Sequence[int]) -> tuple[str, str]:
    """What a machine's sources say of them."""
    return "left out", f"line {', '.join(map(str, lines))}: what a terminal printed beside"
