// SPDX-License-Identifier: GPL-2.0-only
/* What the scenarios in C share: histograms, running hashes, drawn slowdowns, and the tree of events. Rules are the engines'. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SUB_BUCKET_BITS = 7, BUCKETS = (64 - SUB_BUCKET_BITS) << SUB_BUCKET_BITS };
enum { FIXED_BITS = 16, DRAWN_SHIFT = 64 - FIXED_BITS, HALF = 1 << (FIXED_BITS - 1), HALF_BITS = FIXED_BITS - 1 };
enum { OBJECT_BITS = 12, CPU_BITS = 10 };
enum { FREE = -1, NO_SLAB = -1, CHAIN_END = -1 };
enum { FINISHED, PAUSED, NO_PAGES, TOO_LONG, NO_EVENT, WAITING };

#define GAMMA 0x9E3779B97F4A7C15u
#define DIGEST_PRIME 0x9E3779B97F4A7C15u
#define WHAT_PRIME 0xD1B54A32D192ED03u
#define NEVER INT64_MAX
#define MAX_RUN_PS (INT64_C(1) << 53)
#define PS_PER_S INT64_C(1000000000000)

typedef struct { int64_t count, total, least, greatest, buckets[BUCKETS]; } Histogram;

static inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

static inline uint64_t mix64(uint64_t word) {
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
    word = (word ^ word >> 27) * 0x94D049BB133111EBu;
    return word ^ word >> 31;
}

static inline uint64_t fold(uint64_t digest, uint64_t start, uint64_t end, uint64_t what_key) {
    digest = (digest ^ start) * DIGEST_PRIME + (end ^ what_key);
    return digest ^ digest >> 29;
}

static inline int bucket_of(int64_t value) {
    int exponent = 64 - SUB_BUCKET_BITS - 1 - __builtin_clzll((uint64_t)value | ((2 << SUB_BUCKET_BITS) - 1));
    return (exponent << SUB_BUCKET_BITS) + (int)(value >> exponent);
}

static inline void add(Histogram *h, int64_t value) {
    h->buckets[bucket_of(value)]++;
    h->least = h->count ? min64(h->least, value) : value;
    h->greatest = max64(h->greatest, value);
    h->count++;
    h->total += value;
}

static inline int64_t drawn_factor(int64_t slowdown, int64_t jitter, uint64_t word) {
    return slowdown + (jitter * ((int64_t)(word >> DRAWN_SHIFT) - HALF) >> HALF_BITS);
}

/* Events: a tournament tree over CPUs, each with at most one; keys are time << bits | CPU. */

static inline void put_key(int64_t *tree, int place, int64_t key) {
    tree[place] = key;
    while (place > 1) {
        int64_t least = min64(tree[place], tree[place ^ 1]);
        place >>= 1;
        if (tree[place] == least) break;
        tree[place] = least;
    }
}
