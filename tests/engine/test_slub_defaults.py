# SPDX-License-Identifier: GPL-2.0-only
"""What [slub] is by default is found from the versions themselves, for each version that has the key."""

from __future__ import annotations

import pytest

from slabdes.config.keys import keys_below
from slabdes.config.slub import SlubConfig
from slabdes.engine.slub_defaults import slub_defaults, with_defaults


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("slub.barns", '"memory" (6.18, 7.0), "online" (7.1, 7.2, 7.3)'),
        ("slub.leftovers", '"group" (7.0, 7.1), "tail" (7.2, 7.3)'),
        ("slub.cpu_slabs", "true (6.18), false (7.0, 7.1, 7.2, 7.3)"),
        ("slub.remote_by_batches", "true (6.18, 7.0, 7.1), false (7.2, 7.3)"),
        ("slub.capacity_per_cpu", "none"),
        ("rcu.grace_ms", "20.0"),
    ],
)
def test_a_default_is_told_by_version(path: str, told: str) -> None:
    (key,) = keys_below(path)
    assert with_defaults(key).default == told


def test_every_switch_has_one_default_in_each_version_that_has_it() -> None:
    for name in SlubConfig.model_fields:
        assert bool(slub_defaults(name)) == (not name.startswith("capacity_")), name
