// SPDX-License-Identifier: GPL-2.0-only
/* One scenario in C, as the limit of what an engine can reach: bursts on one cache, list_lock a qspinlock, Linux 2.6.34.
 *
 * Models what the engines model for it, to the picosecond, and leaves the same histograms and running hashes: the CPUs'
 * arrays, each node's shared array and slabs, cache lines with owners, posted writes, page lists, reap timers, jitter, first
 * touch. Holds one cache with descriptors on its slabs of order 0, no think time and no barrier; a node that runs out of pages
 * ends the run (NO_PAGES), since alien caches and fallback, which only that would bring about, are left out, as are
 * accounts that no histogram needs. Rules and names are DESIGN's and the engines'.
 */
#include "limit.h"

enum { SLOT_BITS = 4, MAX_NUM = 1 << SLOT_BITS };
enum { BATCHREFILL_LIMIT = 16, DRAIN_SHARE = 5, REAP_SECONDS = 2, LIST_REAP_SECONDS = 4, SKEW_PER_CPU = 3 };
enum { HEADER_WORDS = 3, LINE_WORDS = 8 }; /* as the allocator's state has them */
enum { PARTIAL_LIST, FULL_LIST, FREE_LIST, LISTS };
enum { HIT = 0, SHARED = 1, PARTIAL = 2, FROM_FREE = 3, PARTIAL_FREE = 4, GROW = 5, FREE_HIT = 13, FLUSH_SHARED = 14, FLUSH_LISTS = 15,
       PATHS = 20 };

/* All that a run is given, and where it leaves its results; `limit.py` has the same fields in the same order. */
typedef struct {
    int64_t n_cpus, n_nodes, objects, rounds, limit, batchcount, shared_limit, num, colour, hz, handoff_milli;
    int64_t alloc_hit, free_hit, lock_op, irq_pair, slow_path, move_object, slab_object, list_move, grow_base, init_object;
    int64_t page_alloc_order0, page_free_order0, pcp_refill_page, pcp_trim_page, first_touch, reap_base;
    const int64_t *transfer, *dram;                                 /* [owner][CPU], [node][node] */
    const int64_t *node_of_cpu, *works, *slowdown, *jitter;         /* by CPU */
    const uint64_t *jitter_key;
    const int64_t *next_reap, *free_limit, *free_pages, *page_batch, *page_high; /* by node */
    Histogram *paths, *waits, *holds;                               /* by path; of the list locks, then the zone locks */
    uint64_t *cpu_digests, *lock_digests;
    int64_t elapsed, done;
} Given;

typedef struct {
    int32_t next, prev;
    int32_t owner, chain_owner;  /* who touched the descriptor's and the free chain's line last */
    int32_t node;
    int8_t free, inuse, which, chain[MAX_NUM];
} Slab;

typedef struct { uint64_t key; int32_t touched; } Object; /* `key`: what a hash is told of it, multiplied already */

typedef struct {
    int32_t holder, owner, first, last, waiters;
    int64_t granted_at, since, posted, toll;
    uint64_t digest;
    Histogram *wait, *hold;
} Lock;

typedef struct {
    Lock list_lock, zone_lock;
    int32_t lists[LISTS];
    int32_t lists_owner;
    int32_t *shared, *shared_owner; /* the shared array and who touched each of its lines last; line 0 has the header */
    int64_t shared_avail, free_objects, free_limit, next_reap, colour_next, free_pages, page_batch, page_high;
    int shared_touched, free_touched;
} Node;

typedef struct {
    int64_t clock, work, page_work, reap_at, start, asked, slowdown, jitter;
    uint64_t jitter_key, digest;
    Node *node;
    Lock *lock;
    const int32_t *line; /* what a line costs by its last owner; [n_cpus] is nobody, [own] 0 */
    int32_t *entry, *slots, *block;
    int64_t avail, index, round, pages;
    int32_t number, next_waiter, at, then, after_block, after_destroy, after_drain, after_reap;
    int32_t touched, freeing, grown, path, slab, batch, moved, i, count, drains_shared, to_drain, drained;
} Cpu;

typedef struct {
    Given *given;
    Cpu *cpus, *current;
    Node *nodes;
    Slab *slabs;
    Object *objects;
    int64_t *tree;
    int32_t *lines, *store;
    int64_t now, pause_at, done;
    int32_t n_slabs, slab_room, spare, reaper, unfinished, starting, bits, leaves;
    int too_long;
} Run;

static inline void settle(Cpu *c) {
    if (!(c->work | c->page_work)) return;
    c->jitter_key += GAMMA;
    int64_t factor = drawn_factor(c->slowdown, c->jitter, mix64(c->jitter_key));
    c->clock += (c->work * factor >> FIXED_BITS) + (c->page_work * factor >> FIXED_BITS);
    c->work = c->page_work = 0;
}

static inline void put(Run *r, int cpu, int64_t key) { put_key(r->tree, r->leaves + cpu, key); }

static inline void schedule(Run *r, int cpu, int64_t when) {
    if (when >= MAX_RUN_PS) {
        r->too_long = 1;
        when = MAX_RUN_PS;
    }
    put(r, cpu, when << r->bits | cpu);
}

/* Cache lines. */

static inline int64_t touch(const Cpu *c, int32_t *owner) {
    int64_t cost = c->line[*owner];
    *owner = c->number;
    return cost;
}

static inline int64_t shared_lines(const Given *g) { return (HEADER_WORDS + g->shared_limit + LINE_WORDS - 1) / LINE_WORDS; }

/* Lines of pointers of the shared array come at the same time: the dearest is waited for. */
static inline int64_t touch_entries(const Cpu *c, Node *n, int64_t first, int64_t nr) {
    int64_t dearest = 0;
    for (int64_t line = (HEADER_WORDS + first) / LINE_WORDS; line <= (HEADER_WORDS + first + nr - 1) / LINE_WORDS; line++)
        dearest = max64(dearest, touch(c, &n->shared_owner[line]));
    return dearest;
}

/* A slab's neighbours on its list are written; heads lie on the line of the lists, which the holder of list_lock owns by now. */
static inline void note_unlinking(Run *r, const Cpu *c, int slab) {
    Slab *slabs = r->slabs;
    int heads = LISTS * (int)r->given->n_nodes;
    int64_t dearest = 0;
    if (slabs[slab].prev >= heads) dearest = touch(c, &slabs[slabs[slab].prev].owner);
    if (slabs[slab].next >= heads) dearest = max64(dearest, touch(c, &slabs[slabs[slab].next].owner));
    Lock *lock = &c->node->list_lock;
    lock->posted = max64(lock->posted, dearest);
}

static inline void note_taken(Run *r, Cpu *c, int slab, int nr) {
    c->clock += touch(c, &r->slabs[slab].owner) + touch(c, &r->slabs[slab].chain_owner);
    c->work += nr * r->given->slab_object + r->given->list_move;
    note_unlinking(r, c, slab);
}

/* Lists of slabs. */

static inline void list_del(Slab *slabs, int slab) {
    slabs[slabs[slab].prev].next = slabs[slab].next;
    slabs[slabs[slab].next].prev = slabs[slab].prev;
}

static inline void list_between(Slab *slabs, int slab, int before, int after) {
    slabs[after].prev = slab;
    slabs[slab].next = after;
    slabs[slab].prev = before;
    slabs[before].next = slab;
}

static inline void list_add(Slab *slabs, int slab, int head) { list_between(slabs, slab, head, slabs[head].next); }
static inline void list_add_tail(Slab *slabs, int slab, int head) { list_between(slabs, slab, slabs[head].prev, head); }

/* What is done under list_lock. */

static inline int take_objects(Run *r, Cpu *c, Node *n, int number, int batch) {
    Slab *slab = &r->slabs[number];
    int nr = 0;
    while (slab->inuse < r->given->num && nr < batch) {
        c->entry[c->avail++] = number << SLOT_BITS | slab->free;
        slab->free = slab->chain[slab->free];
        slab->inuse++;
        nr++;
    }
    list_del(r->slabs, number);
    slab->which = slab->free == CHAIN_END ? FULL_LIST : PARTIAL_LIST;
    list_add(r->slabs, number, n->lists[slab->which]);
    return nr;
}

static void refill_from_node(Run *r, Cpu *c, Node *n) {
    const Given *g = r->given;
    if (g->shared_limit) {
        c->clock += touch(c, &n->shared_owner[0]);
        int64_t nr = min64(min64(n->shared_avail, c->batch), g->limit - c->avail);
        if (nr) {
            n->shared_avail -= nr;
            memcpy(c->entry + c->avail, n->shared + n->shared_avail, nr * sizeof *n->shared);
            c->avail += nr;
            n->shared_touched = 1;
            c->clock += touch_entries(c, n, n->shared_avail, nr);
            c->work += nr * g->move_object;
            c->path = SHARED;
            return;
        }
    }
    c->clock += touch(c, &n->lists_owner);
    int from_partial = 0, from_free = 0, batch = c->batch;
    while (batch > 0) {
        int slab = r->slabs[n->lists[PARTIAL_LIST]].next;
        if (slab == n->lists[PARTIAL_LIST]) {
            n->free_touched = 1;
            slab = r->slabs[n->lists[FREE_LIST]].next;
            if (slab == n->lists[FREE_LIST]) break;
        }
        from_partial |= r->slabs[slab].which == PARTIAL_LIST;
        from_free |= r->slabs[slab].which == FREE_LIST;
        note_unlinking(r, c, slab);
        int nr = take_objects(r, c, n, slab, batch);
        note_taken(r, c, slab, nr);
        batch -= nr;
    }
    n->free_objects -= c->avail;
    if (from_free) c->path = from_partial ? PARTIAL_FREE : FROM_FREE;
    else if (from_partial) c->path = PARTIAL;
}

/* Return one object to its slab; whether the slab is to be destroyed. */
static inline int free_object(Run *r, Cpu *c, Node *n, int32_t obj) {
    int number = obj >> SLOT_BITS, objnr = obj & (MAX_NUM - 1);
    Slab *slab = &r->slabs[number];
    int doomed = 0;
    note_unlinking(r, c, number);
    list_del(r->slabs, number);
    slab->chain[objnr] = slab->free;
    slab->free = (int8_t)objnr;
    slab->inuse--;
    n->free_objects++;
    if (slab->inuse) {
        list_add_tail(r->slabs, number, n->lists[PARTIAL_LIST]);
        slab->which = PARTIAL_LIST;
    } else if (n->free_objects > n->free_limit) {
        n->free_objects -= r->given->num;
        doomed = 1;
    } else {
        list_add(r->slabs, number, n->lists[FREE_LIST]);
        slab->which = FREE_LIST;
    }
    note_taken(r, c, number, 1);
    return doomed;
}

static int new_slab(Run *r) {
    int number = r->spare;
    if (number != NO_SLAB) {
        r->spare = r->slabs[number].next;
    } else {
        if (r->n_slabs == r->slab_room) {
            r->slab_room *= 2;
            r->slabs = realloc(r->slabs, r->slab_room * sizeof *r->slabs);
            r->objects = realloc(r->objects, ((size_t)r->slab_room << SLOT_BITS) * sizeof *r->objects);
            if (!r->slabs || !r->objects) abort();
        }
        number = r->n_slabs++;
    }
    r->slabs[number].owner = r->slabs[number].chain_owner = (int32_t)r->given->n_cpus;
    for (int i = 0; i < r->given->num; i++)
        r->objects[number << SLOT_BITS | i].key = (((uint64_t)number << OBJECT_BITS | (uint64_t)i) << 16) * WHAT_PRIME;
    return number;
}

static void make_slab(Run *r, Cpu *c, int number) {
    const Given *g = r->given;
    Slab *slab = &r->slabs[number];
    slab->inuse = slab->free = 0;
    for (int i = 0; i < g->num; i++) {
        slab->chain[i] = (int8_t)(i + 1);
        r->objects[number << SLOT_BITS | i].touched = FREE;
    }
    slab->chain[g->num - 1] = CHAIN_END;
    slab->owner = slab->chain_owner = c->number; /* what writing fresh lines costs is part of grow_base and of pages */
    c->work += g->grow_base + g->num * g->init_object;
}

static inline void shift_down(int32_t *entry, int64_t *avail, int64_t nr) {
    *avail -= nr;
    memmove(entry, entry + nr, *avail * sizeof *entry);
}

/* Reap timers: kernel/timer.c's rounding. */

static int64_t reap_after(int64_t delay, int cpu, int64_t jiffies, int64_t hz) {
    int64_t original = jiffies + delay;
    int64_t skewed = original + SKEW_PER_CPU * cpu;
    int64_t remainder = skewed % hz;
    int64_t rounded = (remainder < hz / 4 ? skewed - remainder : skewed - remainder + hz) - SKEW_PER_CPU * cpu;
    return rounded > jiffies ? rounded : original;
}

static int64_t jiffies_of(int64_t clock, int64_t hz) { return clock / PS_PER_S * hz + clock % PS_PER_S * hz / PS_PER_S; }
static int64_t reap_time(int64_t due, int64_t hz) { return due / hz * PS_PER_S + (due % hz * PS_PER_S + hz - 1) / hz; }

/* Hits run ahead: nobody else can see them. Without think time, a run of hits takes the sum of its latencies. */

static void alloc_hits(Run *r, Cpu *c) {
    const Given *g = r->given;
    const int64_t hit = g->alloc_hit, first_touch = g->first_touch, slowdown = c->slowdown, jitter = c->jitter, until = c->reap_at;
    const int64_t n = min64(c->avail, g->objects - c->index);
    const int32_t number = c->number;
    const int32_t *top = c->entry + c->avail;
    int32_t *slots = c->slots + c->index;
    Object *objects = r->objects;
    Histogram *h = &g->paths[HIT];
    uint64_t key = c->jitter_key, digest = c->digest;
    int64_t clock = c->clock, least = h->count ? h->least : NEVER, greatest = h->greatest, i = 0;
    for (; i < n && clock < until; i++) {
        int32_t obj = *--top;
        Object *object = &objects[obj];
        key += GAMMA;
        int64_t took = hit * drawn_factor(slowdown, jitter, mix64(key)) >> FIXED_BITS;
        if (object->touched != number) {
            object->touched = number;
            took += first_touch;
        }
        h->buckets[bucket_of(took)]++;
        least = min64(least, took);
        greatest = max64(greatest, took);
        digest = fold(digest, (uint64_t)clock, (uint64_t)(clock + took), object->key + HIT * WHAT_PRIME);
        clock += took;
        slots[i] = obj;
    }
    c->avail -= i;
    c->index += i;
    c->touched = 1;
    h->count += i;
    h->total += clock - c->clock;
    h->least = least;
    h->greatest = greatest;
    c->clock = clock;
    c->jitter_key = key;
    c->digest = digest;
}

/* A CPU frees only what it has allocated itself, last of all CPUs: its descriptors are never cold. */
static void free_hits(Run *r, Cpu *c) {
    const Given *g = r->given;
    const int64_t hit = g->free_hit, slowdown = c->slowdown, jitter = c->jitter, until = c->reap_at;
    const int64_t n = min64(g->limit - c->avail, g->objects - c->index);
    const int32_t *slots = c->slots + c->index;
    int32_t *top = c->entry + c->avail;
    const Object *objects = r->objects;
    Histogram *h = &g->paths[FREE_HIT];
    uint64_t key = c->jitter_key, digest = c->digest;
    int64_t clock = c->clock, least = h->count ? h->least : NEVER, greatest = h->greatest, i = 0;
    for (; i < n && clock < until; i++) {
        int32_t obj = slots[i];
        key += GAMMA;
        int64_t took = hit * drawn_factor(slowdown, jitter, mix64(key)) >> FIXED_BITS;
        h->buckets[bucket_of(took)]++;
        least = min64(least, took);
        greatest = max64(greatest, took);
        digest = fold(digest, (uint64_t)clock, (uint64_t)(clock + took), objects[obj].key + FREE_HIT * WHAT_PRIME);
        clock += took;
        top[i] = obj;
    }
    c->avail += i;
    c->index += i;
    h->count += i;
    h->total += clock - c->clock;
    h->least = least;
    h->greatest = greatest;
    c->clock = clock;
    c->jitter_key = key;
    c->digest = digest;
}

static inline void count(Run *r, Cpu *c, int32_t obj) {
    settle(c);
    if (!c->freeing && r->objects[obj].touched != c->number) {
        r->objects[obj].touched = c->number;
        c->clock += r->given->first_touch;
    }
    add(&r->given->paths[c->path], c->clock - c->start);
    c->digest = fold(c->digest, (uint64_t)c->start, (uint64_t)c->clock, r->objects[obj].key + (uint64_t)c->path * WHAT_PRIME);
    c->index++;
}

static inline void release(Run *r, Cpu *c) {
    Lock *lock = c->lock;
    uint64_t what = (uint64_t)lock->granted_at << CPU_BITS ^ (uint64_t)c->number;
    add(lock->hold, c->clock - lock->granted_at);
    lock->digest = fold(lock->digest, (uint64_t)lock->since, (uint64_t)c->clock, what * WHAT_PRIME);
    if (!lock->waiters) {
        lock->holder = FREE;
        return;
    }
    lock->holder = lock->first;
    schedule(r, lock->first, c->clock + r->cpus[lock->first].line[c->number] * r->given->handoff_milli / 1000);
}

static inline void granted(Run *r, Cpu *c) {
    Lock *lock = c->lock;
    lock->first = c->next_waiter;
    lock->waiters--;
    lock->granted_at = r->now;
    lock->since = c->asked;
    lock->owner = c->number;
    lock->toll = lock->waiters ? c->line[lock->first] : 0;
    add(lock->wait, r->now - c->asked);
    c->clock = r->now;
    c->work += r->given->lock_op;
}

/* Whether the CPU has the lock; else it waits in line. */
static inline int take(Run *r, Cpu *c) {
    Lock *lock = c->lock;
    if (lock->holder == FREE) {
        lock->holder = c->number;
        lock->granted_at = lock->since = c->clock;
        lock->toll = 0;
        c->clock += touch(c, &lock->owner);
        c->work += r->given->lock_op;
        return 1;
    }
    c->asked = c->clock;
    if (lock->waiters++) r->cpus[lock->last].next_waiter = c->number;
    else lock->first = c->number;
    lock->last = c->number;
    put(r, c->number, NEVER);
    return 0;
}

/* A CPU's life, cut where it waits: each place has a name, and GO_TO, LOOK, LOCK and UNLOCK say which comes next. */

#define STATES(X) \
    X(program) X(end_of_program) X(finish) X(idle) X(idle_reap) X(take_lock) X(lock_granted) X(unlock) \
    X(refill_locked) X(refill_unlocked) X(grow_colour) X(grow_pages) X(grow_zone) X(grow_zone_locked) X(grow_page) X(grow_insert) \
    X(grown) X(flush_locked) X(flush_unlock) X(flushed) X(free_next) X(trim_pages) X(destroyed) \
    X(reap_begin) X(reap_own) X(reap_look) X(reap_lists) X(reap_look_again) X(reap_free) X(reap_slabs) X(reap_slab) \
    X(reap_slab_locked) X(reap_slab_unlocked) X(reap_end) X(drain_locked) X(drain_shift) X(drained)
#define NAME(state) AT_##state,
enum { STATES(NAME) };

#define GO_TO(state) do { c->at = (state); goto dispatch; } while (0)
#define LOOK(state) \
    do { \
        settle(c); \
        if (c->clock > now) { c->at = AT_##state; schedule(r, c->number, c->clock); return WAITING; } \
        goto state; \
    } while (0)
#define LOCK(which, state) do { c->lock = (which); c->then = AT_##state; LOOK(take_lock); } while (0)
#define UNLOCK(which, state) \
    do { \
        c->lock = (which); \
        c->then = AT_##state; \
        c->clock += c->lock->posted; \
        c->lock->posted = 0; \
        LOOK(unlock); \
    } while (0)

static int go_on(Run *r, Cpu *c) {
    Given *const g = r->given;
    Node *const n = c->node;
    const int64_t now = r->now;
dispatch:
    switch (c->at) {
#define CASE(state) case AT_##state: goto state;
        STATES(CASE)
    }

program:
    for (;;) {
        if (c->index == g->objects) {
            c->index = 0;
            c->freeing = !c->freeing;
            r->done += g->objects;
            if (!c->freeing && ++c->round == g->rounds) LOOK(end_of_program);
            if (r->done >= r->pause_at) {
                c->at = AT_program;
                return PAUSED;
            }
        }
        if (c->clock >= c->reap_at) {
            c->after_reap = AT_program;
            goto reap;
        }
        if (c->freeing) {
            if (c->avail == g->limit) goto flush;
            free_hits(r, c);
        } else {
            if (!c->avail) goto refill;
            alloc_hits(r, c);
        }
    }
end_of_program:
    if (!--r->unfinished) {
        c->at = AT_finish;
        schedule(r, c->number, now);
        return WAITING;
    }
idle:
    c->at = AT_idle_reap;
    schedule(r, c->number, max64(c->reap_at, c->clock));
    return WAITING;
finish:
    return FINISHED;

take_lock:
    if (take(r, c)) GO_TO(c->then);
    c->at = AT_lock_granted;
    return WAITING;
lock_granted:
    granted(r, c);
    GO_TO(c->then);
unlock:
    release(r, c);
    GO_TO(c->then);

refill:
    c->start = c->clock;
    c->work = g->alloc_hit + g->slow_path;
    c->grown = 0;
refill_again:
    c->batch = (int32_t)(c->touched ? g->batchcount : min64(g->batchcount, BATCHREFILL_LIMIT));
    LOCK(&n->list_lock, refill_locked);
refill_locked:
    refill_from_node(r, c, n);
    UNLOCK(&n->list_lock, refill_unlocked);
refill_unlocked:
    if (!c->avail) LOCK(&n->list_lock, grow_colour);
    if (c->grown) c->path = GROW;
    c->touched = 1;
    c->avail--;
    c->slots[c->index] = c->entry[c->avail];
    count(r, c, c->entry[c->avail]);
    goto program;

grow_colour:
    c->clock += touch(c, &n->lists_owner);
    if (++n->colour_next >= g->colour) n->colour_next = 0;
    UNLOCK(&n->list_lock, grow_pages);
grow_pages:
    c->work += g->irq_pair;
    c->page_work += g->page_alloc_order0;
    if (c->pages) goto grow_page;
    LOOK(grow_zone);
grow_zone:
    if (!n->free_pages) return NO_PAGES;
    LOCK(&n->zone_lock, grow_zone_locked);
grow_zone_locked:
    c->pages = min64(n->page_batch, n->free_pages);
    n->free_pages -= c->pages;
    c->clock += c->pages * n->zone_lock.toll;
    c->page_work += c->pages * g->pcp_refill_page;
    UNLOCK(&n->zone_lock, grow_page);
grow_page:
    if (!c->pages) return NO_PAGES;
    c->pages--;
    c->slab = new_slab(r);
    make_slab(r, c, c->slab);
    LOCK(&n->list_lock, grow_insert);
grow_insert:
    c->clock += touch(c, &n->lists_owner);
    list_add_tail(r->slabs, c->slab, n->lists[FREE_LIST]);
    r->slabs[c->slab].which = FREE_LIST;
    n->free_objects += g->num;
    note_unlinking(r, c, c->slab);
    c->work += g->list_move;
    UNLOCK(&n->list_lock, grown);
grown:
    c->grown = 1;
    goto refill_again;

flush:
    c->start = c->clock;
    c->work = g->free_hit + g->slow_path;
    LOCK(&n->list_lock, flush_locked);
flush_locked:
    c->moved = 0;
    if (g->shared_limit) {
        c->clock += touch(c, &n->shared_owner[0]);
        c->moved = (int32_t)min64(g->shared_limit - n->shared_avail, g->batchcount);
    }
    if (c->moved) {
        memcpy(n->shared + n->shared_avail, c->entry, c->moved * sizeof *c->entry);
        c->clock += touch_entries(c, n, n->shared_avail, c->moved);
        n->shared_avail += c->moved;
        c->work += c->moved * g->move_object;
        c->path = FLUSH_SHARED;
        goto flush_unlock;
    }
    c->path = FLUSH_LISTS;
    c->moved = (int32_t)g->batchcount;
    c->block = c->entry;
    c->count = c->moved;
    c->after_block = AT_flush_unlock;
    goto free_block;
flush_unlock:
    UNLOCK(&n->list_lock, flushed);
flushed:
    shift_down(c->entry, &c->avail, c->moved);
    c->entry[c->avail++] = c->slots[c->index];
    count(r, c, c->slots[c->index]);
    goto program;

free_block:
    c->i = 0;
    c->clock += touch(c, &n->lists_owner);
free_next:
    while (c->i < c->count) {
        int32_t obj = c->block[c->i++];
        if (free_object(r, c, n, obj)) {
            c->slab = obj >> SLOT_BITS;
            c->after_destroy = AT_free_next;
            goto destroy;
        }
    }
    GO_TO(c->after_block);
destroy:
    c->page_work += g->page_free_order0;
    if (++c->pages < n->page_high) goto destroyed;
    LOCK(&n->zone_lock, trim_pages);
trim_pages: {
    int64_t moved = min64(n->page_batch, c->pages);
    c->pages -= moved;
    n->free_pages += moved;
    c->clock += moved * n->zone_lock.toll;
    c->page_work += moved * g->pcp_trim_page;
    UNLOCK(&n->zone_lock, destroyed);
}
destroyed:
    r->slabs[c->slab].next = r->spare;
    r->spare = c->slab;
    GO_TO(c->after_destroy);

idle_reap:
    c->after_reap = AT_idle;
reap:
    c->clock = max64(c->clock, c->reap_at);
    LOOK(reap_begin);
reap_begin:
    if (r->reaper != FREE) goto end_of_turn;
    r->reaper = c->number;
    c->work += g->reap_base;
    LOOK(reap_own);
reap_own:
    if (c->avail && !c->touched) {
        c->drains_shared = 0;
        c->after_drain = AT_reap_look;
        goto drain;
    }
    if (c->avail) c->touched = 0;
reap_look:
    LOOK(reap_lists);
reap_lists: {
    int64_t jiffies = jiffies_of(c->clock, g->hz);
    if (n->next_reap > jiffies) goto reap_done;
    n->next_reap = jiffies + LIST_REAP_SECONDS * g->hz;
    if (n->shared_avail && !n->shared_touched) {
        c->drains_shared = 1;
        c->after_drain = AT_reap_look_again;
        goto drain;
    }
    if (n->shared_avail) n->shared_touched = 0;
}
reap_look_again:
    LOOK(reap_free);
reap_free:
    if (n->free_touched) {
        n->free_touched = 0;
        goto reap_done;
    }
    c->to_drain = (int32_t)((n->free_limit + DRAIN_SHARE * g->num - 1) / (DRAIN_SHARE * g->num));
    c->drained = 0;
reap_slabs:
    if (c->drained == c->to_drain) goto reap_done;
    LOOK(reap_slab);
reap_slab:
    if (r->slabs[n->lists[FREE_LIST]].next == n->lists[FREE_LIST]) goto reap_done;
    LOCK(&n->list_lock, reap_slab_locked);
reap_slab_locked:
    c->clock += touch(c, &n->lists_owner);
    c->slab = r->slabs[n->lists[FREE_LIST]].prev;
    if (c->slab == n->lists[FREE_LIST]) {
        c->slab = NO_SLAB;
    } else {
        note_unlinking(r, c, c->slab);
        list_del(r->slabs, c->slab);
        n->free_objects -= g->num;
        c->clock += touch(c, &r->slabs[c->slab].owner) + touch(c, &r->slabs[c->slab].chain_owner);
        c->work += g->list_move;
    }
    UNLOCK(&n->list_lock, reap_slab_unlocked);
reap_slab_unlocked:
    if (c->slab == NO_SLAB) goto reap_done;
    c->drained++;
    c->after_destroy = AT_reap_slabs;
    goto destroy;
reap_done:
    LOOK(reap_end);
reap_end:
    r->reaper = FREE;
end_of_turn:
    c->reap_at = reap_time(reap_after(REAP_SECONDS * g->hz, c->number, jiffies_of(c->clock, g->hz), g->hz), g->hz);
    settle(c);
    GO_TO(c->after_reap);

drain:
    LOCK(&n->list_lock, drain_locked);
drain_locked: {
    int64_t avail = c->drains_shared ? n->shared_avail : c->avail;
    int64_t limit = c->drains_shared ? g->shared_limit : g->limit;
    if (c->drains_shared) c->clock += touch(c, &n->shared_owner[0]) + (avail ? touch_entries(c, n, 0, avail) : 0);
    if (!avail) UNLOCK(&n->list_lock, drained);
    int64_t tofree = (limit + DRAIN_SHARE - 1) / DRAIN_SHARE;
    c->count = (int32_t)(tofree > avail ? (avail + 1) / 2 : tofree);
    c->block = c->drains_shared ? n->shared : c->entry;
    c->after_block = AT_drain_shift;
    goto free_block;
}
drain_shift:
    shift_down(c->block, c->drains_shared ? &n->shared_avail : &c->avail, c->count);
    UNLOCK(&n->list_lock, drained);
drained:
    GO_TO(c->after_drain);
}

/* What Python calls. */

void limit_free(Run *r) {
    if (!r) return;
    free(r->cpus);
    free(r->nodes);
    free(r->slabs);
    free(r->objects);
    free(r->tree);
    free(r->lines);
    free(r->store);
    free(r);
}

static void make_nodes(Run *r, int32_t *store) {
    Given *g = r->given;
    for (int node = 0; node < g->n_nodes; node++) {
        Node *n = &r->nodes[node];
        n->list_lock = (Lock){.holder = FREE, .owner = (int32_t)g->n_cpus, .wait = &g->waits[node], .hold = &g->holds[node]};
        n->zone_lock = n->list_lock;
        n->zone_lock.wait = &g->waits[g->n_nodes + node];
        n->zone_lock.hold = &g->holds[g->n_nodes + node];
        n->lists_owner = (int32_t)g->n_cpus;
        n->shared = store;
        n->shared_owner = store + g->shared_limit;
        for (int line = 0; line < shared_lines(g); line++) n->shared_owner[line] = (int32_t)g->n_cpus;
        store += g->shared_limit + shared_lines(g);
        n->free_limit = g->free_limit[node];
        n->next_reap = g->next_reap[node];
        n->free_pages = g->free_pages[node];
        n->page_batch = g->page_batch[node];
        n->page_high = g->page_high[node];
        for (int list = 0; list < LISTS; list++) {
            int head = n->lists[list] = r->n_slabs++;
            r->slabs[head].next = r->slabs[head].prev = head;
        }
    }
}

static void make_cpus(Run *r, int32_t *store) {
    Given *g = r->given;
    for (int cpu = 0; cpu < g->n_cpus; cpu++) {
        int64_t node = g->node_of_cpu[cpu];
        int32_t *line = r->lines + cpu * (g->n_cpus + 1);
        for (int owner = 0; owner < g->n_cpus; owner++) line[owner] = (int32_t)g->transfer[owner * g->n_cpus + cpu];
        line[cpu] = 0;
        line[g->n_cpus] = (int32_t)g->dram[node * g->n_nodes + node];
        r->cpus[cpu] = (Cpu){
            .number = cpu, .node = &r->nodes[node], .line = line, .entry = store, .slots = store + g->limit,
            .slowdown = g->slowdown[cpu], .jitter = g->jitter[cpu], .jitter_key = g->jitter_key[cpu],
            .reap_at = reap_time(reap_after(g->hz, cpu, 0, g->hz), g->hz),
            .at = g->works[cpu] ? AT_program : AT_idle,
        };
        r->unfinished += g->works[cpu] != 0;
        store += g->limit + g->objects;
    }
}

/* NULL where there is no memory, or a slab holds more objects or a line costs more than there is room for. */
Run *limit_new(Given *g) {
    if (g->num > MAX_NUM) return NULL;
    for (int64_t i = 0; i < g->n_cpus * g->n_cpus; i++) if (g->transfer[i] > INT32_MAX) return NULL;
    for (int64_t i = 0; i < g->n_nodes * g->n_nodes; i++) if (g->dram[i] > INT32_MAX) return NULL;
    Run *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->given = g;
    r->spare = NO_SLAB;
    r->reaper = FREE;
    while ((INT64_C(1) << r->bits) < g->n_cpus) r->bits++;
    r->leaves = 1 << r->bits;
    r->slab_room = LISTS * (int32_t)g->n_nodes + 1024;
    r->cpus = calloc(g->n_cpus, sizeof *r->cpus);
    r->nodes = calloc(g->n_nodes, sizeof *r->nodes);
    r->slabs = calloc(r->slab_room, sizeof *r->slabs);
    r->objects = calloc((size_t)r->slab_room << SLOT_BITS, sizeof *r->objects);
    r->tree = malloc(2 * r->leaves * sizeof *r->tree);
    r->lines = malloc(g->n_cpus * (g->n_cpus + 1) * sizeof *r->lines);
    int64_t of_nodes = g->n_nodes * (g->shared_limit + shared_lines(g));
    r->store = calloc(of_nodes + g->n_cpus * (g->limit + g->objects), sizeof *r->store);
    if (!r->cpus || !r->nodes || !r->slabs || !r->objects || !r->tree || !r->lines || !r->store) {
        limit_free(r);
        return NULL;
    }
    for (int place = 0; place < 2 * r->leaves; place++) r->tree[place] = NEVER;
    make_nodes(r, r->store);
    make_cpus(r, r->store + of_nodes);
    return r;
}

/* Go on for about `operations` more; why it came back. Results are there once it says FINISHED. */
int limit_run(Run *r, int64_t operations) {
    Given *g = r->given;
    r->pause_at = r->done + operations;
    int status = WAITING;
    while (status == WAITING) {
        Cpu *c = r->current;
        if (c) {
            r->current = NULL;
        } else if (r->starting < g->n_cpus) {
            c = &r->cpus[r->starting++];
        } else {
            if (r->too_long) return TOO_LONG;
            int64_t key = r->tree[1];
            if (key == NEVER) return NO_EVENT;
            c = &r->cpus[key & (r->leaves - 1)];
            r->now = key >> r->bits;
        }
        status = go_on(r, c);
        if (status == PAUSED) r->current = c;
    }
    g->done = r->done;
    g->elapsed = r->now;
    for (int cpu = 0; cpu < g->n_cpus; cpu++) g->cpu_digests[cpu] = r->cpus[cpu].digest;
    for (int node = 0; node < g->n_nodes; node++) {
        g->lock_digests[node] = r->nodes[node].list_lock.digest;
        g->lock_digests[g->n_nodes + node] = r->nodes[node].zone_lock.digest;
    }
    return status;
}
