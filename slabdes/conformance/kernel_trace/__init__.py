# SPDX-License-Identifier: GPL-2.0-only
"""Complete kmem traces of a real 6.1 kernel, with its allocator's state before and after: reproduced object for object."""
