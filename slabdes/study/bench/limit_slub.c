// SPDX-License-Identifier: GPL-2.0-only
/* The same scenario on SLUB in C: bursts on one cache with sheaves, list_lock and barn's lock qspinlocks, Linux 7.3.
 *
 * Models what the engines model for it, to the picosecond, and leaves the same histograms and running hashes: the CPUs' main
 * and spare sheaves, barns, refills from this node's partial list, from others' by trylock and from new slabs, flushes by
 * groups, the state word's race, CPUs' lists of pages and zones of blocks by order, cache lines with owners, posted writes, spinners that slow a holder,
 * jitter, first touch.
 * Holds slabs of orders 1 to 3, memory on each node, no think time and no barrier; a node that runs out of pages ends the run
 * (NO_PAGES), since smaller slabs, other nodes' pages and the slow path, which only that would bring about, are left out, as are
 * accounts that no histogram needs. Rules and names are DESIGN's and the engines'.
 */
#include "limit.h"

enum { HEADER_WORDS = 4, LINE_WORDS = 8, LOOKAHEAD = 3, CYCLES_MASK = 1023, TOP_ORDER = 10 };
enum { HIT = 0, FREE_HIT = 13, SPARE = 22, BARN = 23, REFILL = 24, REFILL_REMOTE = 25, REFILL_GROW = 26, FREE_SPARE = 32, FREE_BARN = 33,
       FREE_NEW_SHEAF = 34, FREE_FLUSH = 35, FREE_SLAB = 36, FREE_LIST = 37 };

/* All that a run is given, and where it leaves its results; `limit_slub.py` has the same fields in the same order. */
typedef struct {
    int64_t n_cpus, n_nodes, objects, rounds, capacity, num, order, min_partial, full_limit, ratio, cycle_ps, handoff_milli;
    int64_t alloc_hit, free_hit, lock_op, irq_save, slow_path, move_object, slab_object, list_move, grow_base, init_object;
    int64_t cmpxchg_double, page_alloc_order0, page_free_order0, page_take, page_split, page_check, page_cold, first_touch;
    const int64_t *transfer, *dram;                                      /* [owner][CPU], [node][node] */
    const int64_t *node_of_cpu, *works, *slowdown, *jitter;              /* by CPU */
    const uint64_t *jitter_key;
    const int64_t *free_pages, *page_batch, *page_high, *lone;           /* by node */
    const int64_t *blocks;                                               /* [node][order] */
    const int64_t *zonelists;                                            /* [node][place] */
    Histogram *paths, *waits, *holds; /* by path; of the list locks, then the barns', then the zone locks */
    uint64_t *cpu_digests, *lock_digests;
    int64_t elapsed, done;
} Given;

typedef struct {
    int32_t next, prev, link;
    int32_t owner; /* who touched its line last, which has the state word and the list's links */
    int32_t node;
    int16_t free, inuse;
    int8_t listed;
} Slab;

typedef struct { uint64_t key; int32_t touched; int16_t chain; } Object; /* `key`: what a hash is told of it, multiplied already */

typedef struct Sheaf Sheaf;
struct Sheaf {
    Sheaf *link, *all;
    int64_t size;
    int32_t *entry, *owner; /* objects, and who touched each of its lines last; line 0 has the header */
};

typedef struct {
    int32_t holder, owner, first, last, waiters;
    int64_t granted_at, since, posted, toll, irq_save;
    uint64_t digest;
    Histogram *wait, *hold;
} Lock;

typedef struct {
    Lock list_lock, barn_lock, zone_lock;
    Sheaf *full, *empty;
    int64_t nr_partial, nr_full, free_pages, page_batch, page_high, lone, blocks[TOP_ORDER + 1];
    int32_t number; /* and its list's head among slabs */
    int32_t lists_owner;
} Node;

typedef struct {
    int64_t clock, work, page_work, start, asked, slowdown, jitter;
    uint64_t jitter_key, digest;
    Node *node, *of, *from; /* its own; whose lock or slab it deals with; whose list a refill asks */
    Lock *lock;
    const int32_t *line; /* what a line costs by its last owner; from [n_cpus] on by the node where a line lies that nobody owns */
    int32_t *slots;
    int64_t *listed, *warm; /* by node: blocks of pages on its list, and those that it has put there itself */
    Sheaf *main, *spare, *sheaf;
    int64_t index, round, got, want, size, searched;
    int32_t number, next_waiter, at, then, after_refill, after_empty, after_free;
    int32_t freeing, path, slab, after_slab, head, tail, nr, prior, inuse, locked, spins, of_others;
} Cpu;

typedef struct {
    Given *given;
    Cpu *cpus, *current;
    Node *nodes;
    Slab *slabs;
    Object *objects;
    Sheaf *sheaves;
    int64_t *tree, *page_lists;
    int32_t *lines, *store;
    int64_t now, pause_at, done;
    int32_t n_slabs, slab_room, spare, unfinished, starting, bits, leaves, slot_bits;
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

static inline int64_t sheaf_lines(int64_t objects) { return (HEADER_WORDS + objects + LINE_WORDS - 1) / LINE_WORDS; }

static inline void own_lines(const Cpu *c, Sheaf *sheaf, int64_t first, int64_t end) {
    for (int64_t line = first; line < end; line++) sheaf->owner[line] = c->number;
}

/* A list's head is on its lock's line. */
static inline int32_t *line_of(Run *r, int slab) {
    return slab < r->given->n_nodes ? &r->nodes[slab].list_lock.owner : &r->slabs[slab].owner;
}

/* A slab was linked or unlinked under a node's list_lock: neighbours are written, the dearest is paid at the release. */
static inline void note_moved(Run *r, Cpu *c, Node *n, int slab) {
    int64_t before = touch(c, line_of(r, r->slabs[slab].prev)), after = touch(c, line_of(r, r->slabs[slab].next));
    Lock *lock = &n->list_lock;
    lock->posted = max64(lock->posted, max64(before, after));
    c->clock += lock->toll;
    c->work += r->given->list_move / 2;
}

/* Pages: free blocks by order. */

/* How many splits a block took, or merges where it is made of smaller ones. */
static int64_t take_block(Node *n, int64_t order) {
    int64_t found = order;
    while (found <= TOP_ORDER && !n->blocks[found]) found++;
    if (found <= TOP_ORDER) {
        n->blocks[found]--;
        for (int64_t lower = order; lower < found; lower++) n->blocks[lower]++;
        return found - order;
    }
    int64_t missing = INT64_C(1) << order, parts = 0;
    for (int64_t lower = order - 1; lower >= 0; lower--) {
        int64_t used = min64(n->blocks[lower], missing >> lower);
        n->blocks[lower] -= used;
        missing -= used << lower;
        parts += used;
    }
    return parts - 1;
}

/* How many merges that was. */
static int64_t give_block(Node *n, int64_t order) {
    for (int64_t merged = 0;; merged++, order++) {
        if (order >= TOP_ORDER || n->blocks[order] != n->lone + 1) {
            n->blocks[order]++;
            return merged;
        }
        n->blocks[order]--;
    }
}

/* Partial lists. */

static inline void remove_partial(Run *r, Node *n, int slab) {
    Slab *slabs = r->slabs;
    slabs[slabs[slab].prev].next = slabs[slab].next;
    slabs[slabs[slab].next].prev = slabs[slab].prev;
    slabs[slab].listed = 0;
    n->nr_partial--;
}

static inline void add_partial(Run *r, Node *n, int slab, int tail) {
    Slab *slabs = r->slabs;
    int before = tail ? slabs[n->number].prev : n->number, after = tail ? n->number : slabs[n->number].next;
    slabs[after].prev = slab;
    slabs[slab].next = after;
    slabs[slab].prev = before;
    slabs[before].next = slab;
    slabs[slab].listed = 1;
    n->nr_partial++;
}

static inline Object *object_of(Run *r, int slab, int objnr) { return &r->objects[(slab << r->slot_bits) + objnr]; }

static inline int copy_chain(Run *r, int slab, int head, int32_t *to, int nr) {
    for (int i = 0; i < nr; i++) {
        to[i] = slab << r->slot_bits | head;
        head = object_of(r, slab, head)->chain;
    }
    return head;
}

/* Chain the last of `size` objects and those of its slab found near it; how many are left before them. */
static int64_t detach_group(Run *r, Cpu *c, int32_t *entry, int64_t size) {
    const int mask = (1 << r->slot_bits) - 1;
    int32_t last = entry[--size];
    int64_t left = size;
    int slab = last >> r->slot_bits, head = last & mask, misses = 0;
    r->objects[last].chain = CHAIN_END;
    while (size && misses < LOOKAHEAD) {
        int32_t obj = entry[--size];
        if (obj >> r->slot_bits == slab) {
            r->objects[obj].chain = (int16_t)head;
            head = obj & mask;
            left--;
            entry[size] = entry[left];
            entry[left] = obj;
        } else {
            misses++;
        }
    }
    c->slab = slab;
    c->head = head;
    c->tail = last & mask;
    return left;
}

static int new_slab(Run *r) {
    int number = r->spare;
    if (number != NO_SLAB) {
        r->spare = r->slabs[number].link;
        return number;
    }
    if (r->n_slabs == r->slab_room) {
        r->slab_room *= 2;
        r->slabs = realloc(r->slabs, r->slab_room * sizeof *r->slabs);
        r->objects = realloc(r->objects, ((size_t)r->slab_room << r->slot_bits) * sizeof *r->objects);
        if (!r->slabs || !r->objects) abort();
    }
    number = r->n_slabs++;
    for (int i = 0; i < r->given->num; i++)
        object_of(r, number, i)->key = (((uint64_t)number << OBJECT_BITS | (uint64_t)i) << 16) * WHAT_PRIME;
    return number;
}

static void make_slab(Run *r, Cpu *c, int number, int taken) {
    const int num = (int)r->given->num;
    Slab *slab = &r->slabs[number];
    slab->node = c->node->number;
    slab->owner = c->number;
    slab->listed = 0;
    slab->inuse = (int16_t)taken;
    slab->free = (int16_t)(taken < num ? taken : CHAIN_END);
    for (int i = 0; i < num; i++) {
        object_of(r, number, i)->touched = FREE;
        object_of(r, number, i)->chain = (int16_t)(i + 1 < num ? i + 1 : CHAIN_END);
    }
}

/* Sheaves and barns. */

static Sheaf *new_sheaf(Run *r) {
    const Given *g = r->given;
    int64_t lines = sheaf_lines(g->capacity);
    Sheaf *sheaf = malloc(sizeof *sheaf + (g->capacity + lines) * sizeof(int32_t));
    if (!sheaf) abort();
    int32_t *words = (int32_t *)(sheaf + 1);
    *sheaf = (Sheaf){.all = r->sheaves, .entry = words, .owner = words + g->capacity};
    r->sheaves = sheaf;
    return sheaf;
}

static Sheaf *get_sheaf(Run *r, Cpu *c, Node *n, Sheaf **list) {
    Sheaf *sheaf = *list;
    if (!sheaf) return NULL;
    *list = sheaf->link;
    c->clock += touch(c, &sheaf->owner[0]) + n->barn_lock.toll;
    c->work += r->given->list_move / 2;
    return sheaf;
}

static void put_sheaf(Run *r, Cpu *c, Node *n, Sheaf **list, Sheaf *sheaf) {
    sheaf->link = *list;
    *list = sheaf;
    own_lines(c, sheaf, 0, sheaf_lines(r->given->capacity));
    c->clock += n->barn_lock.toll;
    c->work += r->given->list_move / 2;
}

static void open_sheaf(Run *r, Cpu *c, Sheaf *sheaf) {
    int64_t filled = sheaf_lines(sheaf->size);
    for (int64_t line = 1; line < filled; line++) c->clock += touch(c, &sheaf->owner[line]);
    own_lines(c, sheaf, filled, sheaf_lines(r->given->capacity));
}

static inline void swap_sheaves(Run *r, Cpu *c) {
    Sheaf *main = c->main;
    c->main = c->spare;
    c->spare = main;
    c->work += 2 * r->given->move_object;
}

static inline void replace_main(Run *r, Cpu *c, Sheaf *sheaf) {
    c->spare = c->main;
    c->main = sheaf;
    c->work += 2 * r->given->move_object;
}

/* Hits run ahead: nobody else can see them. Without think time, a run of hits takes the sum of its latencies. */

static void alloc_hits(Run *r, Cpu *c) {
    const Given *g = r->given;
    const int64_t hit = g->alloc_hit, first_touch = g->first_touch, slowdown = c->slowdown, jitter = c->jitter;
    const int64_t n = min64(c->main->size, g->objects - c->index);
    const int32_t number = c->number;
    const int32_t *top = c->main->entry + c->main->size;
    int32_t *slots = c->slots + c->index;
    Object *objects = r->objects;
    Histogram *h = &g->paths[HIT];
    uint64_t key = c->jitter_key, digest = c->digest;
    int64_t clock = c->clock, least = h->count ? h->least : NEVER, greatest = h->greatest;
    for (int64_t i = 0; i < n; i++) {
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
    c->main->size -= n;
    c->index += n;
    h->count += n;
    h->total += clock - c->clock;
    h->least = least;
    h->greatest = greatest;
    c->clock = clock;
    c->jitter_key = key;
    c->digest = digest;
}

/* A CPU frees only what it has allocated itself, last of all CPUs: its descriptors are never cold. Objects of other nodes miss. */
static void free_hits(Run *r, Cpu *c) {
    const Given *g = r->given;
    const int64_t hit = g->free_hit, slowdown = c->slowdown, jitter = c->jitter;
    const int64_t n = min64(g->capacity - c->main->size, g->objects - c->index);
    const int32_t *slots = c->slots + c->index, node = c->node->number;
    int32_t *top = c->main->entry + c->main->size;
    const Object *objects = r->objects;
    Histogram *h = &g->paths[FREE_HIT];
    uint64_t key = c->jitter_key, digest = c->digest;
    int64_t clock = c->clock, least = h->count ? h->least : NEVER, greatest = h->greatest, i = 0;
    for (; i < n; i++) {
        int32_t obj = slots[i];
        if (r->slabs[obj >> r->slot_bits].node != node) break;
        key += GAMMA;
        int64_t took = hit * drawn_factor(slowdown, jitter, mix64(key)) >> FIXED_BITS;
        h->buckets[bucket_of(took)]++;
        least = min64(least, took);
        greatest = max64(greatest, took);
        digest = fold(digest, (uint64_t)clock, (uint64_t)(clock + took), objects[obj].key + FREE_HIT * WHAT_PRIME);
        clock += took;
        top[i] = obj;
    }
    if (!i) return;
    c->main->size += i;
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

/* Locks. */

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

/* What a write to the lock's line costs, because of who spins on it now, is as it is until the next has the lock. */
static inline void granted(Run *r, Cpu *c) {
    Lock *lock = c->lock;
    lock->first = c->next_waiter;
    lock->waiters--;
    lock->toll = lock->waiters ? c->line[lock->first] : 0;
    lock->granted_at = r->now;
    lock->since = c->asked;
    lock->owner = c->number;
    add(lock->wait, r->now - c->asked);
    c->clock = r->now;
    c->work += r->given->lock_op;
}

/* Whether the CPU has the lock, which it asked for at its own time. */
static inline int try_lock(Run *r, Cpu *c, Lock *lock) {
    if (lock->holder != FREE) return 0;
    lock->holder = c->number;
    lock->granted_at = lock->since = c->clock;
    lock->toll = 0;
    c->clock += touch(c, &lock->owner);
    c->work += r->given->lock_op;
    return 1;
}

/* The same; else it waits in line. */
static inline int take(Run *r, Cpu *c) {
    Lock *lock = c->lock;
    if (try_lock(r, c, lock)) return 1;
    c->asked = c->clock;
    if (lock->waiters++) r->cpus[lock->last].next_waiter = c->number;
    else lock->first = c->number;
    lock->last = c->number;
    put(r, c->number, NEVER);
    return 0;
}

/* A CPU's life, cut where it waits: each place has a name, and GO_TO, LOOK, LOCK and UNLOCK say which comes next. */

#define STATES(X) \
    X(program) X(end_of_program) X(finish) X(idle) X(take_lock) X(lock_granted) X(unlock) \
    X(barn_read) X(barn_full_locked) X(barn_full_unlocked) X(empty_read) X(empty_locked) X(empty_unlocked) \
    X(fill) X(new_sheaf_memory) X(refill_own_done) X(search_next) X(search_read) \
    X(node_read) X(try_lock_node) X(node_locked) X(isolated) X(take_next) X(chain_ask) X(chain_read) X(chain_ask_update) X(chain_update) \
    X(chain_taken) X(rest_ask) X(rest_read) X(rest_locked) X(rest_ask_update) X(rest_update) X(rest_free) X(put_back) X(node_done) \
    X(grow_zone) X(grow_locked) X(grow_pages) X(grow_insert) X(grown) \
    X(full_swap_ask) X(full_locked) X(full_unlocked) X(no_room) X(put_full_locked) X(room) X(pushed) \
    X(flush) X(flush_group) X(freed_others) \
    X(free_ask) X(free_read) X(free_locked) X(free_ask_update) X(free_update) X(free_again) X(freed) \
    X(discard) X(discard_locked) X(got_empty)
#define NAME(state) AT_##state,
enum { STATES(NAME) };

#define GO_TO(state) do { c->at = (state); goto dispatch; } while (0)
#define LOOK(state) \
    do { \
        settle(c); \
        if (c->clock > now) { c->at = AT_##state; schedule(r, c->number, c->clock); return WAITING; } \
        goto state; \
    } while (0)
#define LOCK(which, state) do { c->lock = (which); c->work += c->lock->irq_save; c->then = AT_##state; LOOK(take_lock); } while (0)
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
        if (c->freeing) {
            if (r->slabs[c->slots[c->index] >> r->slot_bits].node != n->number) goto free_others;
            if (c->main->size == g->capacity) goto free_full;
            free_hits(r, c);
        } else {
            if (!c->main->size) break;
            alloc_hits(r, c);
        }
    }

    /* An empty main sheaf. */
    c->start = c->clock;
    c->work = g->alloc_hit;
    if (c->spare && c->spare->size) {
        swap_sheaves(r, c);
        c->path = SPARE;
        goto filled;
    }
    LOOK(barn_read);
end_of_program:
    if (!--r->unfinished) {
        c->at = AT_finish;
        schedule(r, c->number, now);
        return WAITING;
    }
idle:
    c->at = AT_idle;
    put(r, c->number, NEVER);
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

barn_read:
    c->clock += touch(c, &n->barn_lock.owner);
    if (n->full) LOCK(&n->barn_lock, barn_full_locked);
    goto no_full;
barn_full_locked:
    c->sheaf = get_sheaf(r, c, n, &n->full);
    if (c->sheaf) {
        n->nr_full--;
        put_sheaf(r, c, n, &n->empty, c->main);
    }
    UNLOCK(&n->barn_lock, barn_full_unlocked);
barn_full_unlocked:
    if (c->sheaf) {
        open_sheaf(r, c, c->sheaf);
        c->main = c->sheaf;
        c->path = BARN;
        goto filled;
    }
no_full:
    c->sheaf = c->spare;
    c->spare = NULL;
    if (c->sheaf) LOOK(fill);
    c->after_empty = AT_got_empty;
    LOOK(empty_read);
got_empty:
    LOOK(fill);

    /* An empty sheaf of the barn, if it has one. */
empty_read:
    c->clock += touch(c, &n->barn_lock.owner);
    c->sheaf = NULL;
    if (n->empty) LOCK(&n->barn_lock, empty_locked);
    GO_TO(c->after_empty);
empty_locked:
    c->sheaf = get_sheaf(r, c, n, &n->empty);
    UNLOCK(&n->barn_lock, empty_unlocked);
empty_unlocked:
    if (c->sheaf) open_sheaf(r, c, c->sheaf);
    GO_TO(c->after_empty);

fill:
    if (!c->sheaf) LOOK(new_sheaf_memory);
    goto refill;
new_sheaf_memory:
    c->sheaf = new_sheaf(r);
    own_lines(c, c->sheaf, 0, sheaf_lines(g->capacity));
    c->work += g->alloc_hit;
refill:
    c->work += g->slow_path;
    c->path = REFILL;
    c->want = g->capacity;
    c->got = 0;
    c->from = n;
    c->spins = 1;
    c->after_refill = AT_refill_own_done;
    LOOK(node_read);
refill_own_done:
    c->of_others = 0;
    if (c->got == c->want || !g->ratio || (c->clock / g->cycle_ps & CYCLES_MASK) > g->ratio) goto searched;
    c->of_others = (int32_t)c->got;
    c->searched = 0;
    c->spins = 0;
    c->after_refill = AT_search_next;
    LOOK(search_read);
search_next:
    if (c->got == c->want || ++c->searched == g->n_nodes) {
        if (c->got > c->of_others) c->path = REFILL_REMOTE;
        goto searched;
    }
    LOOK(search_read);
search_read:
    c->from = &r->nodes[g->zonelists[n->number * g->n_nodes + c->searched]];
    c->clock += touch(c, &c->from->list_lock.owner);
    if (c->from->nr_partial <= g->min_partial) goto search_next;
    LOOK(node_read);
searched:
    if (c->got < c->want) {
        c->page_work += g->page_alloc_order0;
        if (c->listed[n->number]) goto grow_pages;
        LOOK(grow_zone);
    }
    c->sheaf->size = c->got;
    replace_main(r, c, c->sheaf);
filled: {
    int32_t obj = c->main->entry[--c->main->size];
    c->slots[c->index] = obj;
    count(r, c, obj);
    goto program;
}

    /* Refill from the partial list of the node `from`. */
node_read:
    c->clock += touch(c, &c->from->list_lock.owner);
    if (!c->from->nr_partial) GO_TO(c->after_refill);
    if (c->spins) LOCK(&c->from->list_lock, node_locked);
    LOOK(try_lock_node);
try_lock_node:
    if (!try_lock(r, c, &c->from->list_lock)) {
        c->clock += touch(c, &c->from->list_lock.owner); /* That it is taken is read in its line. */
        GO_TO(c->after_refill);
    }
node_locked: {
    int64_t free = 0;
    int last = NO_SLAB;
    c->slab = NO_SLAB;
    while (free < c->want - c->got && r->slabs[c->from->number].next != c->from->number) {
        int slab = r->slabs[c->from->number].next;
        remove_partial(r, c->from, slab);
        free += g->num - r->slabs[slab].inuse;
        r->slabs[slab].link = NO_SLAB;
        if (last == NO_SLAB) c->slab = slab;
        else r->slabs[last].link = slab;
        last = slab;
        c->clock += touch(c, &r->slabs[slab].owner);
        note_moved(r, c, c->from, slab);
    }
    UNLOCK(&c->from->list_lock, isolated);
}
isolated:
    if (c->slab == NO_SLAB) GO_TO(c->after_refill);
    LOOK(take_next);
take_next:
    if (c->slab == NO_SLAB) GO_TO(c->after_refill);
    if (c->got == c->want) LOCK(&c->from->list_lock, put_back);
    c->after_slab = r->slabs[c->slab].link;
    LOOK(chain_ask);
chain_ask:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    LOOK(chain_read);
chain_read:
    c->prior = r->slabs[c->slab].free;
    c->inuse = r->slabs[c->slab].inuse;
    LOOK(chain_ask_update);
chain_ask_update:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    c->work += g->cmpxchg_double;
    LOOK(chain_update);
chain_update:
    if (r->slabs[c->slab].free != c->prior || r->slabs[c->slab].inuse != c->inuse) LOOK(chain_ask);
    r->slabs[c->slab].free = CHAIN_END;
    r->slabs[c->slab].inuse = (int16_t)g->num;
    LOOK(chain_taken);
chain_taken: {
    int free = (int)g->num - c->inuse, nr = (int)min64(free, c->want - c->got);
    c->head = copy_chain(r, c->slab, c->prior, c->sheaf->entry + c->got, nr);
    c->work += nr * g->slab_object;
    c->got += nr;
    c->nr = free - nr;
    if (c->nr) LOOK(rest_ask);
    goto node_done;
}
rest_ask:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    LOOK(rest_read);
rest_read:
    if (r->slabs[c->slab].free == CHAIN_END) LOCK(&c->from->list_lock, rest_locked);
    goto rest_free;
rest_locked:
    LOOK(rest_ask_update);
rest_ask_update:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    c->work += g->cmpxchg_double;
    LOOK(rest_update);
rest_update:
    if (r->slabs[c->slab].free != CHAIN_END) UNLOCK(&c->from->list_lock, rest_free);
    r->slabs[c->slab].free = (int16_t)c->head;
    r->slabs[c->slab].inuse = (int16_t)(g->num - c->nr);
    add_partial(r, c->from, c->slab, 1);
    note_moved(r, c, c->from, c->slab);
    UNLOCK(&c->from->list_lock, node_done);
rest_free:
    c->tail = c->head;
    for (int i = 1; i < c->nr; i++) c->tail = object_of(r, c->slab, c->tail)->chain;
    c->after_free = AT_node_done;
    goto slab_free;
node_done:
    c->slab = c->after_slab;
    goto take_next;
put_back:
    while (c->slab != NO_SLAB) {
        int after = r->slabs[c->slab].link;
        add_partial(r, c->from, c->slab, 1);
        c->clock += touch(c, &r->slabs[c->slab].owner);
        note_moved(r, c, c->from, c->slab);
        c->slab = after;
    }
    UNLOCK(&c->from->list_lock, take_next);

    /* A new slab. */
grow_zone:
    if (n->free_pages < INT64_C(1) << g->order) return NO_PAGES;
    LOCK(&n->zone_lock, grow_locked);
grow_locked:
    c->listed[n->number] = min64(n->page_batch > 1 ? max64(n->page_batch >> g->order, 2) : 1, n->free_pages >> g->order);
    n->free_pages -= c->listed[n->number] << g->order;
    for (int64_t block = 0; block < c->listed[n->number]; block++)
        c->page_work += g->page_take + g->page_cold + take_block(n, g->order) * g->page_split;
    c->clock += touch(c, &n->lists_owner);
    UNLOCK(&n->zone_lock, grow_pages);
grow_pages: {
    int taken = (int)min64(g->num, c->want - c->got);
    if (!c->listed[n->number]) return NO_PAGES;
    c->listed[n->number]--;
    if (c->warm[n->number]) c->warm[n->number]--;
    else c->page_work += g->page_cold * ((1 << g->order) - 1);
    c->slab = new_slab(r);
    make_slab(r, c, c->slab, taken);
    c->clock += touch(c, &n->list_lock.owner);
    c->work += g->grow_base + g->num * g->init_object + taken * g->move_object;
    for (int i = 0; i < taken; i++) c->sheaf->entry[c->got++] = c->slab << r->slot_bits | i;
    if (taken < g->num) LOCK(&n->list_lock, grow_insert);
    goto grown;
}
grow_insert:
    add_partial(r, n, c->slab, 0);
    note_moved(r, c, n, c->slab);
    UNLOCK(&n->list_lock, grown);
grown:
    c->path = REFILL_GROW;
    goto searched;

    /* A full main sheaf. */
free_full:
    c->start = c->clock;
    c->work = g->free_hit;
    if (!c->spare) {
        c->after_empty = AT_room;
        LOOK(empty_read);
    }
    if (c->spare->size < g->capacity) {
        swap_sheaves(r, c);
        c->path = FREE_SPARE;
        goto pushed;
    }
    LOOK(full_swap_ask);
full_swap_ask:
    c->clock += touch(c, &n->barn_lock.owner);
    if (n->nr_full >= g->full_limit) {
        c->sheaf = c->spare;
        c->spare = NULL;
        LOOK(flush);
    }
    if (n->empty) LOCK(&n->barn_lock, full_locked);
    LOOK(no_room);
full_locked:
    c->sheaf = get_sheaf(r, c, n, &n->empty);
    if (c->sheaf) {
        n->nr_full++;
        put_sheaf(r, c, n, &n->full, c->main);
    }
    UNLOCK(&n->barn_lock, full_unlocked);
full_unlocked:
    if (!c->sheaf) LOOK(no_room);
    open_sheaf(r, c, c->sheaf);
    c->main = c->sheaf;
    c->path = FREE_BARN;
    goto pushed;
room:
    if (!c->sheaf) LOOK(no_room);
    replace_main(r, c, c->sheaf);
    c->path = FREE_BARN;
    goto pushed;
no_room:
    c->sheaf = new_sheaf(r);
    own_lines(c, c->sheaf, 0, sheaf_lines(g->capacity));
    c->work += g->alloc_hit;
    c->path = FREE_NEW_SHEAF;
    if (c->spare) LOCK(&n->barn_lock, put_full_locked);
    replace_main(r, c, c->sheaf);
    goto pushed;
put_full_locked:
    n->nr_full++;
    put_sheaf(r, c, n, &n->full, c->main);
    c->main = c->sheaf;
    UNLOCK(&n->barn_lock, pushed);
pushed: {
    int32_t obj = c->slots[c->index];
    c->main->entry[c->main->size++] = obj;
    count(r, c, obj);
    goto program;
}

    /* The spare sheaf's objects go to their slabs, group by group. */
flush:
    c->work += g->slow_path;
    c->size = c->sheaf->size;
    c->sheaf->size = 0;
flush_group:
    if (c->size) {
        int64_t left = detach_group(r, c, c->sheaf->entry, c->size);
        c->nr = (int32_t)(c->size - left);
        c->size = left;
        c->after_free = AT_flush_group;
        goto slab_free;
    }
    replace_main(r, c, c->sheaf);
    c->path = FREE_FLUSH;
    goto pushed;

    /* An object of another node, which a refill has brought, goes straight to its slab. */
free_others:
    c->start = c->clock;
    c->work = g->free_hit;
    c->slab = c->slots[c->index] >> r->slot_bits;
    c->head = c->tail = c->slots[c->index] & ((1 << r->slot_bits) - 1);
    c->nr = 1;
    c->after_free = AT_freed_others;
    goto slab_free;
freed_others:
    c->path = c->locked ? FREE_LIST : FREE_SLAB;
    count(r, c, c->slots[c->index]);
    goto program;

    /* A chain of `nr` objects goes to the front of its slab's. */
slab_free:
    c->of = &r->nodes[r->slabs[c->slab].node];
free_again:
    LOOK(free_ask);
free_ask:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    LOOK(free_read);
free_read:
    c->prior = r->slabs[c->slab].free;
    c->inuse = r->slabs[c->slab].inuse;
    c->locked = c->prior == CHAIN_END || c->inuse == c->nr;
    if (c->locked) LOCK(&c->of->list_lock, free_locked);
free_locked:
    LOOK(free_ask_update);
free_ask_update:
    c->clock += touch(c, &r->slabs[c->slab].owner);
    c->work += g->cmpxchg_double;
    LOOK(free_update);
free_update: {
    Slab *slab = &r->slabs[c->slab];
    if (slab->free != c->prior || slab->inuse != c->inuse) {
        if (c->locked) UNLOCK(&c->of->list_lock, free_again);
        goto free_again;
    }
    object_of(r, c->slab, c->tail)->chain = slab->free;
    slab->free = (int16_t)c->head;
    slab->inuse = (int16_t)(slab->inuse - c->nr);
    c->work += c->nr * g->slab_object;
    if (!c->locked) GO_TO(c->after_free);
    int was_full = c->prior == CHAIN_END;
    if (!was_full && !slab->listed) UNLOCK(&c->of->list_lock, freed);
    if (!slab->inuse && c->of->nr_partial >= g->min_partial) {
        if (!was_full) {
            remove_partial(r, c->of, c->slab);
            note_moved(r, c, c->of, c->slab);
        }
        UNLOCK(&c->of->list_lock, discard);
    }
    if (was_full) {
        add_partial(r, c->of, c->slab, 1);
        c->clock += touch(c, &slab->owner);
        note_moved(r, c, c->of, c->slab);
    }
    UNLOCK(&c->of->list_lock, freed);
}
discard:
    c->clock += touch(c, &c->of->list_lock.owner);
    r->slabs[c->slab].link = r->spare;
    r->spare = c->slab;
    c->page_work += g->page_free_order0 + (g->page_check << g->order);
    c->warm[c->of->number]++;
    if (++c->listed[c->of->number] << g->order < c->of->page_high) goto freed;
    LOCK(&c->of->zone_lock, discard_locked);
discard_locked: {
    int64_t *listed = &c->listed[c->of->number], *warm = &c->warm[c->of->number];
    int64_t moved = min64(*listed, (c->of->page_batch + (INT64_C(1) << g->order) - 1) >> g->order);
    *listed -= moved;
    *warm = min64(*warm, *listed);
    c->of->free_pages += moved << g->order;
    for (int64_t block = 0; block < moved; block++) c->page_work += give_block(c->of, g->order) * g->page_split;
    c->clock += touch(c, &c->of->lists_owner);
    UNLOCK(&c->of->zone_lock, freed);
}
freed:
    GO_TO(c->after_free);
}

/* What Python calls. */

void limit_free(Run *r) {
    if (!r) return;
    while (r->sheaves) {
        Sheaf *next = r->sheaves->all;
        free(r->sheaves);
        r->sheaves = next;
    }
    free(r->cpus);
    free(r->nodes);
    free(r->slabs);
    free(r->objects);
    free(r->tree);
    free(r->page_lists);
    free(r->lines);
    free(r->store);
    free(r);
}

static Lock new_lock(const Given *g, int node, int which, int64_t irq_save) {
    int64_t place = which * g->n_nodes + node;
    return (Lock){.holder = FREE, .owner = (int32_t)(g->n_cpus + node), .irq_save = irq_save,
                  .wait = &g->waits[place], .hold = &g->holds[place]};
}

static void make_nodes(Run *r) {
    const Given *g = r->given;
    for (int node = 0; node < g->n_nodes; node++) {
        r->nodes[node] = (Node){
            .list_lock = new_lock(g, node, 0, g->irq_save), .barn_lock = new_lock(g, node, 1, g->irq_save),
            .zone_lock = new_lock(g, node, 2, 0), .free_pages = g->free_pages[node], .page_batch = g->page_batch[node],
            .page_high = g->page_high[node], .lone = g->lone[node], .number = node, .lists_owner = (int32_t)(g->n_cpus + node),
        };
        memcpy(r->nodes[node].blocks, g->blocks + node * (TOP_ORDER + 1), sizeof r->nodes[node].blocks);
        r->slabs[node].next = r->slabs[node].prev = node;
    }
    r->n_slabs = (int32_t)g->n_nodes;
}

static void make_cpus(Run *r) {
    const Given *g = r->given;
    for (int cpu = 0; cpu < g->n_cpus; cpu++) {
        int64_t node = g->node_of_cpu[cpu];
        int32_t *line = r->lines + cpu * (g->n_cpus + g->n_nodes);
        for (int owner = 0; owner < g->n_cpus; owner++) line[owner] = (int32_t)g->transfer[owner * g->n_cpus + cpu];
        line[cpu] = 0;
        for (int home = 0; home < g->n_nodes; home++) line[g->n_cpus + home] = (int32_t)g->dram[node * g->n_nodes + home];
        r->cpus[cpu] = (Cpu){
            .number = cpu, .node = &r->nodes[node], .line = line, .slots = r->store + cpu * g->objects, .main = new_sheaf(r),
            .listed = r->page_lists + 2 * cpu * g->n_nodes, .warm = r->page_lists + (2 * cpu + 1) * g->n_nodes,
            .slowdown = g->slowdown[cpu], .jitter = g->jitter[cpu], .jitter_key = g->jitter_key[cpu],
            .at = g->works[cpu] ? AT_program : AT_idle,
        };
        for (int64_t place = 0; place < sheaf_lines(g->capacity); place++)
            r->cpus[cpu].main->owner[place] = (int32_t)(g->n_cpus + node);
        r->unfinished += g->works[cpu] != 0;
    }
}

/* NULL where there is no memory, or a line costs more than there is room for. */
Run *limit_new(Given *g) {
    for (int64_t i = 0; i < g->n_cpus * g->n_cpus; i++) if (g->transfer[i] > INT32_MAX) return NULL;
    for (int64_t i = 0; i < g->n_nodes * g->n_nodes; i++) if (g->dram[i] > INT32_MAX) return NULL;
    Run *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->given = g;
    r->spare = NO_SLAB;
    while ((INT64_C(1) << r->bits) < g->n_cpus) r->bits++;
    while ((INT64_C(1) << r->slot_bits) < g->num) r->slot_bits++;
    r->leaves = 1 << r->bits;
    r->slab_room = (int32_t)g->n_nodes + 256;
    r->cpus = calloc(g->n_cpus, sizeof *r->cpus);
    r->nodes = calloc(g->n_nodes, sizeof *r->nodes);
    r->slabs = calloc(r->slab_room, sizeof *r->slabs);
    r->objects = calloc((size_t)r->slab_room << r->slot_bits, sizeof *r->objects);
    r->tree = malloc(2 * r->leaves * sizeof *r->tree);
    r->lines = malloc(g->n_cpus * (g->n_cpus + g->n_nodes) * sizeof *r->lines);
    r->store = calloc(g->n_cpus * g->objects, sizeof *r->store);
    r->page_lists = calloc(2 * g->n_cpus * g->n_nodes, sizeof *r->page_lists);
    if (!r->cpus || !r->nodes || !r->slabs || !r->objects || !r->tree || !r->lines || !r->store || !r->page_lists) {
        limit_free(r);
        return NULL;
    }
    for (int place = 0; place < 2 * r->leaves; place++) r->tree[place] = NEVER;
    make_nodes(r);
    make_cpus(r);
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
        g->lock_digests[g->n_nodes + node] = r->nodes[node].barn_lock.digest;
        g->lock_digests[2 * g->n_nodes + node] = r->nodes[node].zone_lock.digest;
    }
    return status;
}
