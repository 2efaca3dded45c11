/*
 * fair.h - whose turn is next: those who wait get time in proportion to their weights, by what their turns have really taken.
 *
 * Each has an account in virtual time, which goes on by what a turn took, divided by its weight. The next turn is that of whoever is least far, what its turn
 * will probably take counted in: who asks for little is served ahead of who asks for much, and nobody is behind for longer than its own turns, and the one
 * that runs, account for. Who has not waited for a while has saved a millisecond by it, and no more; and when nobody waits, nobody owes anything any more.
 *
 * Owns:    nothing: an entry is part of whatever waits, and stays where it is as long as it is in. Nothing is allocated, adding cannot fail.
 * Units:   nanoseconds; a weight is PYN_FAIR_WEIGHT for an ordinary share.
 * Cost:    logarithmic in those who wait, amortised.
 * Threads: one at a time.
 * Tests:   tests/unit/test_fair.c
 */
#ifndef PYN_FAIR_H
#define PYN_FAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PYN_FAIR_WEIGHT = 100 };

/* Zeroed: one that has not had a turn yet. */
struct pyn_entry {
    struct pyn_entry *child; /* of the heap */
    struct pyn_entry *next;
    uint64_t start; /* how far it is: virtual */
    uint64_t owed;  /* that it goes on by when it comes up; virtual */
    uint64_t guess; /* what its next turn takes; virtual */
    uint64_t key;
    uint64_t order; /* among those with the same key: who came first */
    bool is_in;
    bool is_known;  /* guess is from turns that it had */
    bool is_thread; /* the runtime's */
};

/* Zeroed: nobody waits. */
struct pyn_fair {
    struct pyn_entry *top;
    uint64_t now;    /* virtual: the key of who had a turn last */
    uint64_t latest; /* no key is beyond it */
    uint64_t orders;
};

static inline bool pyn_fair_is_empty(const struct pyn_fair *fair)
{
    return fair->top == NULL;
}

/* Does it wait, and nobody else? */
static inline bool pyn_fair_is_only(const struct pyn_fair *fair, const struct pyn_entry *entry)
{
    return fair->top == entry && entry->child == NULL;
}

/* It waits for a turn. Nothing happens when it does already. */
void pyn_fair_put(struct pyn_fair *fair, struct pyn_entry *entry);

/* Whose turn it is; NULL: nobody waits. */
struct pyn_entry *pyn_fair_first(struct pyn_fair *fair);
/* The same, who does not wait any more. */
struct pyn_entry *pyn_fair_take(struct pyn_fair *fair);

/* A turn of it has taken so long. It may wait for its next one already. */
void pyn_fair_charge(struct pyn_fair *fair, struct pyn_entry *entry, uint64_t took_ns, uint32_t weight);

#endif
