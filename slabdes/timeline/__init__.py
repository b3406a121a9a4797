# SPDX-License-Identifier: GPL-2.0-only
"""A part of a run on a time axis, as a file for the viewers that kernel people use. Leaves out running it (`study.again`)."""
