/*
 * notice.h - what epoll tells of a link, and whom.
 *
 * As a rule the threads of the server are told, in epoll_wait(). Of one in the middle of a large message the porter is (porter.h), so that who waits for
 * everybody is not at work all the time, and late for those who ask for little. A link is in one of the two: each event comes to one thread.
 *
 * Room to write is told of only while somebody waits for it: else each answer that a peer reads would be an event, and a read in vain.
 *
 * Owns:    nothing.
 * Threads: the link's lock is held, but for pyn_notice_begin().
 * Tests:   tests/python/test_server.py, test_large_values.py; the system calls of an exchange: tests/budget
 */
#ifndef PYN_NOTICE_H
#define PYN_NOTICE_H

#include "link.h"

/* From now on it is told of it. False: its descriptors cannot be watched. */
bool pyn_notice_begin(const struct pyn_link *link);
void pyn_notice_end(const struct pyn_link *link);

/* What is there already is told again, behind what others have to say. */
void pyn_notice_again(const struct pyn_link *link);
/* More is to be written, when others have had their turn or there is room. Whoever reads the link says so when it has done: else another thread would come
 * for nothing. */
void pyn_notice_room(struct pyn_link *link);
/* Nobody has waited for the room that was told of. */
void pyn_notice_no_room(struct pyn_link *link);

/* Whom: the porter from now on, or the threads of the server. False: there is no porter, and nothing has changed. */
bool pyn_notice_porter(struct pyn_link *link, bool is_carried);

#endif
