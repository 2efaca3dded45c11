/*
 * net.h - private to src/transport: what listening and dialling share.
 *
 * Errors:  what returns bool and takes a fault returns false with a line in it; a fault may be NULL.
 * Threads: any.
 */
#ifndef PYN_NET_H
#define PYN_NET_H

#include <netdb.h>
#include <sys/socket.h>

#include "transport.h"

/* address.c */

/* "cannot <tried> <address>: <why>: <what errno error means>"; error 0: without the last part. Always false. */
bool pyn_net_fail(struct pyn_fault *fault, const char *tried, const struct pyn_address *address, const char *why,
                  int error);

/* 127.0.0.0/8, ::1, and the first one mapped into IPv6. Unix sockets count as loopback. */
bool pyn_net_is_loopback(const struct sockaddr *sa);

/* "127.0.0.1:80", "[::1]:80", "unix"; a mapped address as what it maps. Always terminated. */
void pyn_net_text(const struct sockaddr *sa, char *text, size_t room);

uint16_t pyn_net_port(const struct sockaddr *sa);

/* What the host of a TCP address means, to be freed with freeaddrinfo(): all of it loopback unless is_open_allowed. */
bool pyn_net_resolve(const struct pyn_address *address, bool is_open_allowed, const char *tried, struct addrinfo **out,
                     struct pyn_fault *fault);

/* dial.c */

/* TCP: no delay, and a peer that has vanished is noticed within two minutes. Unix sockets: nothing. */
void pyn_net_tune(int fd);

/* Who is at the other end of a Unix socket. */
bool pyn_net_uid(int fd, uid_t *uid);

/* Is fd an open stream socket, of IP or Unix? */
bool pyn_net_is_stream(int fd, const char *tried, const struct pyn_address *address, struct pyn_fault *fault);

/* -1 when it failed. */
int pyn_net_option(int fd, int name);

bool pyn_net_set_cloexec(int fd);

#endif
