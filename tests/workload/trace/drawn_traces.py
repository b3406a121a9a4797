# SPDX-License-Identifier: GPL-2.0-only
"""Random kmem traces of CPUs that hand each other objects."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def traces(draw: st.DrawFn, cpus: int = 4) -> list[str]:
    """Lines of a trace of some CPUs, which hand each other objects of some caches, as a kernel prints it."""
    rng = draw(st.randoms(use_true_random=False))
    steps = draw(st.sampled_from((20, 200, 800)))
    remote, most, gap = (
        draw(st.sampled_from((0.1, 0.6, 1.0))),
        draw(st.sampled_from((1, 5, 60))),
        draw(st.sampled_from((0, 1, 40))),
    )
    live: list[tuple[int, int, int]] = []
    lines, now = [], 1_000_000
    for number in range(steps):
        now += rng.randint(0, gap)
        cpu, cache = rng.randrange(cpus), rng.randrange(3)
        if (len(live) < most and rng.random() < 0.6) or not live:
            live.append((number, cpu, cache))
            size = 64 << cache
            sizes = f"bytes_req={size} bytes_alloc={size} gfp_flags=GFP_KERNEL"
            what = f"kmem_cache_alloc: call_site=f ptr={64 * number + 4096:x} {sizes}"
        else:
            freed, maker, cache = live.pop(rng.choice((0, rng.randrange(len(live)))))
            cpu = rng.randrange(cpus) if rng.random() < remote else maker
            what = f"kmem_cache_free: call_site=g ptr={64 * freed + 4096:x}"
        lines.append(f"t-1 [{cpu:03d}] {now // 10**6}.{now % 10**6:06d}: {what} name=c{cache}")
    return lines
