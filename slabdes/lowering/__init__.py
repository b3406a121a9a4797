# SPDX-License-Identifier: GPL-2.0-only
"""From path generators to compiled phases: each path is cut at its waits, what lives on is kept in its frame, and printed.

Knows no allocator and no engine: a `Target` says who uses it. Modules, in the order in which text goes through them:
`sources`, `normalise`, `check`, `blocks`, `liveness`, `statements` and `text`; `lower` does it for all paths.
"""
