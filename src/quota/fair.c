/*
 * fair.c - a pairing heap of accounts in virtual time.
 *
 * An entry's account changes while it is in the heap. The heap is not told: whoever comes up and owes something goes back in by what it owes, once for each
 * charge at the most.
 */
#include "fair.h"

static const uint64_t GUESS_FIRST = UINT64_C(1000000); /* of who has had no turn yet */
static const uint64_t GUESS_MOST = UINT64_C(
    100000000); /* nobody is kept waiting for longer because of what it has asked for before */
static const uint64_t SAVED_MOST = UINT64_C(
    1000000); /* by who asks for little: for when many come up at nearly the same place, and virtual time stands */
static const uint64_t OWED_MOST = UINT64_C(10000000000); /* nor because of what a turn took */

/* ---- the heap ---- */

static bool is_before(const struct pyn_entry *a, const struct pyn_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static struct pyn_entry *meld(struct pyn_entry *a, struct pyn_entry *b)
{
    struct pyn_entry *first = a;
    struct pyn_entry *second = b;

    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (is_before(b, a)) {
        first = b;
        second = a;
    }
    second->next = first->child;
    first->child = second;
    return first;
}

/* Melds siblings, in pairs and then the pairs from the last one on: that is what makes it logarithmic. No recursion: there may be many. */
static struct pyn_entry *meld_all(struct pyn_entry *siblings)
{
    struct pyn_entry *pairs = NULL;
    struct pyn_entry *top = NULL;

    while (siblings != NULL) {
        struct pyn_entry *a = siblings;
        struct pyn_entry *b = a->next;
        siblings = b != NULL ? b->next : NULL;
        a->next = NULL;
        if (b != NULL) {
            b->next = NULL;
        }
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs != NULL) {
        struct pyn_entry *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        top = meld(top, pair);
    }
    return top;
}

static uint64_t guess_of(const struct pyn_entry *entry)
{
    return entry->is_known ? entry->guess : GUESS_FIRST;
}

static void push(struct pyn_fair *fair, struct pyn_entry *entry)
{
    entry->child = entry->next = NULL;
    entry->key = entry->start + guess_of(entry);
    entry->order = fair->orders++;
    fair->top = meld(fair->top, entry);
}

static struct pyn_entry *pop(struct pyn_fair *fair)
{
    struct pyn_entry *entry = fair->top;

    fair->top = meld_all(entry->child);
    entry->child = NULL;
    return entry;
}

/* ---- accounts ---- */

static void settle(struct pyn_entry *entry)
{
    entry->start += entry->owed;
    entry->owed = 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Where an account begins that was behind: so that it comes up next, ahead of those who are no farther and wait; but as if it had got there just now
 * when nothing is known of it. */
static uint64_t floor_of(const struct pyn_fair *fair, const struct pyn_entry *entry)
{
    const uint64_t less = entry->is_known ? entry->guess + SAVED_MOST : 0;

    return fair->now > less ? fair->now - less : 0;
}

void pyn_fair_put(struct pyn_fair *fair, struct pyn_entry *entry)
{
    if (entry->is_in) {
        return;
    }
    settle(entry);
    entry->start = later(entry->start, floor_of(fair, entry));
    entry->is_in = true;
    push(fair, entry);
}

struct pyn_entry *pyn_fair_first(struct pyn_fair *fair)
{
    while (fair->top != NULL && fair->top->owed > 0) {
        struct pyn_entry *entry = pop(fair);
        settle(entry);
        push(fair, entry);
    }
    if (fair->top == NULL) {
        fair->now = later(fair->now, fair->latest);
    }
    return fair->top;
}

struct pyn_entry *pyn_fair_take(struct pyn_fair *fair)
{
    struct pyn_entry *entry = pyn_fair_first(fair);

    if (entry != NULL) {
        (void)pop(fair);
        entry->is_in = false;
        fair->now = later(fair->now, entry->key);
    }
    return entry;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

void pyn_fair_charge(struct pyn_fair *fair, struct pyn_entry *entry, uint64_t took_ns, uint32_t weight)
{
    const uint64_t took = at_most(took_ns, OWED_MOST) * PYN_FAIR_WEIGHT / weight;
    const uint64_t guess = at_most(took_ns, GUESS_MOST) * PYN_FAIR_WEIGHT / weight;

    entry->owed += took;
    entry->guess = entry->is_known ? entry->guess - entry->guess / 4 + guess / 4 : guess;
    entry->is_known = true;
    fair->latest = later(fair->latest, entry->start + entry->owed + entry->guess);
}
