# SPDX-License-Identifier: GPL-2.0-only
"""What the compiled engine has for SLUB alone; what lies beside it is SLAB's or both's."""
