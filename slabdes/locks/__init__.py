# SPDX-License-Identifier: GPL-2.0-only
"""Spinlocks: the waiting is one mechanism (`spinlock`), who comes next and at what price a small policy (`disciplines`)."""
