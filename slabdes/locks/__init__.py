"""Spinlocks: the waiting is one mechanism (`spinlock`), who comes next and at what price a small policy (`disciplines`)."""
