# SPDX-License-Identifier: GPL-2.0-only
"""Control flow of allocators, written once for every engine: where they wait, in which order, and what each step costs."""
