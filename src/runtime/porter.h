/*
 * porter.h - a thread that reads what is large, for a server whose threads wait for everybody.
 *
 * Large messages of a few clients would keep a thread reading all the time, and a thread that is always at work is late when the system shares out its
 * processors: who has slept comes first. So a message that is larger than what a thread reads at once is read by another one, which does nothing else, and the
 * thread that runs calls sleeps until there is one.
 *
 * Owns:    its thread, from the first link that it is given until pyn_porter_free(), and an epoll.
 * Threads: pyn_porter_begin() with a link's lock; pyn_porter_free() when no other thread serves any more. It never takes the interpreter's lock.
 * Tests:   tests/python/test_porter.py; tools/bench hostile, "huge messages"
 */
#ifndef PYN_PORTER_H
#define PYN_PORTER_H

#include "server.h"

struct pyn_porter;

/* Is it there? It is started when it is not. */
bool pyn_porter_begin(struct pyn_server *server);
/* What it waits for; only after pyn_porter_begin(). */
int pyn_porter_epoll(const struct pyn_server *server);
/* Ahead of the server's own descriptors. Takes NULL. In a child of a fork there is no such thread: only what it had is closed. */
void pyn_porter_free(struct pyn_porter *porter, bool is_ours);

#endif
