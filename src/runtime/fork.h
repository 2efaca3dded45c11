/*
 * fork.h - how often this process was forked off since the first look: what was made before a fork is the parent's.
 */
#ifndef PYN_FORK_H
#define PYN_FORK_H

unsigned pyn_fork_count(void);

#endif
