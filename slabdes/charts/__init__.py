# SPDX-License-Identifier: GPL-2.0-only
"""What charts draw: small tidy frames made from a run's frames, intervals included. Leaves out drawing (`plots`, `pages`)."""
