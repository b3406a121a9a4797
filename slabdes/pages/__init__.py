# SPDX-License-Identifier: GPL-2.0-only
"""Pages of HTML about runs, which need nothing but a browser. They compute no statistic: `charts` and `answers` have them all."""
