# SPDX-License-Identifier: GPL-2.0-only
"""Complete kmem traces of a real 7.3 kernel, with its SLUB's state before and after: reproduced object for object."""
