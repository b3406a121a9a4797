# SPDX-License-Identifier: GPL-2.0-only
"""The compiled engine: the reference's model in numba, with the same records, for runs that Python would take hours for."""
