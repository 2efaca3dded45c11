/*
 * fork.h - what a child of a fork does with what it has inherited: nothing. It is the parent's.
 *
 * A child could neither use nor end a connection of its parent's without disturbing it; and as long as it kept the descriptors, nobody would
 * learn that the parent is gone. So they are closed in the child, before any other code runs there.
 *
 * Owns:    nothing: who enters a keepsake takes it out again.
 * Threads: any.
 * Tests:   tests/python/test_fork.py
 */
#ifndef PYN_FORK_H
#define PYN_FORK_H

extern unsigned pyn_forks; /* fork.c's; it is asked ahead of every lock, hence not behind a call */

/* How often this process was forked off: what was made before a fork is the parent's. */
static inline unsigned pyn_fork_count(void)
{
    return pyn_forks;
}

/* Something with descriptors. */
struct pyn_keepsake {
    struct pyn_keepsake *next;
    struct pyn_keepsake *before;
    /* Closes the child's copies. The only thread of the child runs it; nothing but the descriptors is sure to be in order. */
    void (*drop)(struct pyn_keepsake *keepsake);
};

void pyn_keepsake_enter(struct pyn_keepsake *keepsake, void (*drop)(struct pyn_keepsake *keepsake));
/* Nothing happens when it is not entered. */
void pyn_keepsake_leave(struct pyn_keepsake *keepsake);

#endif
