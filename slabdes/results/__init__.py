# SPDX-License-Identifier: GPL-2.0-only
"""Results: what an engine's records become; tidy frames, metrics, tables, the run folder. Simulates nothing and draws nothing."""
