# SPDX-License-Identifier: GPL-2.0-only
"""The reference charges what the price list says for each note, without a list of its own."""

from __future__ import annotations

from slabdes.engine.reference.kernel import TimedKernel
from slabdes.paths.slab import prices
from slabdes.paths.slab.notes import SlabNotes

PRICED = [name for name in vars(prices) if name.startswith("note_")]


def test_each_price_answers_a_note_of_its_name() -> None:
    assert PRICED
    assert [name for name in PRICED if not hasattr(SlabNotes, name)] == []
    assert [name for name in PRICED if getattr(TimedKernel, name) is not getattr(prices, name)] == []
