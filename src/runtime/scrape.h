/*
 * scrape.h - a page for Prometheus, served over HTTP by a thread of its own: it needs neither the interpreter nor the server's threads, so that it
 * answers while a call computes, and nobody who asks it slowly, never or all the time is in anybody's way.
 *
 * One request a connection, GET /metrics; PYN_SCRAPERS at once, of which the oldest makes room for a new one; five seconds for all of it. The page is
 * made anew when it is older than a twentieth of a second. Over TCP the Host of a request must be a name of this machine or an address: a web page that
 * has been given another name for it is refused.
 *
 * Owns:    the listener, and its connections.
 * Borrows: the server, for its life.
 * Threads: made and freed by one; never with a lock of the server's, nor the interpreter's.
 * Tests:   tests/python/test_metrics.py
 */
#ifndef PYN_SCRAPE_H
#define PYN_SCRAPE_H

#include "server.h"

enum { PYN_SCRAPERS = 8, PYN_SCRAPE_SECONDS = 5, PYN_SCRAPE_PAGE_MAX = 4 << 20 };

struct pyn_scrape;

/* Takes the listener over, and closes it on failure. */
pyn_status pyn_scrape_new(struct pyn_server *server, const struct pyn_listener *listener, struct pyn_scrape **out);
void pyn_scrape_free(struct pyn_scrape *scrape); /* accepts NULL */

#endif
