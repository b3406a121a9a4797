"""For all tests: what hypothesis draws may take its time, since a busy machine is no fault."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("slabdes", deadline=None)
settings.load_profile("slabdes")
