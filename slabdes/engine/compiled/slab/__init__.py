# SPDX-License-Identifier: GPL-2.0-only
"""What the compiled engine has for SLAB alone, scripts of operations apart; what lies beside it is SLUB's or both's."""
