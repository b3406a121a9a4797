# SPDX-License-Identifier: GPL-2.0-only
"""How much a live page may ask of this computer, whatever a browser sends."""

from __future__ import annotations

from typing import Final

FIRST_OPERATIONS: Final = 40_000
"""Of the first replication: some 20 ms of compiled code (measured), so that an answer stands within 0.3 s of a moved slider."""
MOST_OPERATIONS: Final = 2_000_000
"""Of a replication, as `study.effort` counts them: a second. What has begun is waited for when a slider moves on."""
MOST_CPUS: Final = 256
MOST_REPLICATIONS: Final = 50
MOST_TEXT: Final = 64
"""Characters of a control's value."""
MOST_PAGES: Final = 8
"""Pages that are told of a study at a time; one study each (a choice)."""
MOST_CONNECTIONS: Final = 64
MOST_QUERY: Final = 8192
"""Bytes of an address's query (a choice: two settings of all controls take three thousand)."""
MOST_KEPT: Final = 64
"""Settings whose replications are kept, the latest (a choice: some 10 MB)."""
TRACE_SIZES: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
"""Operations of a trace that may be replayed, beside what was asked for: few, as each cut is kept in a file."""
