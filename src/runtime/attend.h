/*
 * attend.h - a process that serves for another: what it is told, and what it has to say, in a thread that never waits for the interpreter.
 *
 * Connections arrive by it, also while a call computes; it answers pings, takes grants back, and stops the server. When a call does not end, it tells the
 * peers why they lose their connection, and ends the process. When the other process is gone, this one ends at once.
 *
 * Owns:    the socket; and what arrives, until the server has it.
 * Borrows: the server, which must outlive the process' last call; the config of WebSockets.
 * Threads: it is one. pyn_attendant_over() and pyn_attendant_stuck() from any.
 * Tests:   tests/python/test_isolation.py, tests/attack/test_isolation.py
 */
#ifndef PYN_ATTEND_H
#define PYN_ATTEND_H

#include "../channel/channel.h"
#include "../websocket/websocket.h"
#include "server.h"

enum { PYN_EXIT_STUCK = 70, PYN_EXIT_ORPHANED = 71 };

struct pyn_attendant;

/* control is taken over. websocket: for connections that come by one. NULL: no thread or memory; control is left alone then. */
struct pyn_attendant *pyn_attend(struct pyn_server *server, int control, const struct pyn_websocket_config *websocket);

/* A connection of this serial has ended. */
void pyn_attendant_over(struct pyn_attendant *attendant, uint64_t serial);

/* A call does not end. Returns at once, with whatever locks are held; the process ends soon. */
void pyn_attendant_stuck(struct pyn_attendant *attendant);

#endif
