/*
 * handed.h - what is said between a server and a process that serves for it, and how a connection goes from one to the other.
 *
 * One packet of a Unix socket each; the first byte says what it is. With PYN_WORD_CONNECTION comes a descriptor, and behind its head the state of
 * the layers and what has come out of them. Both are the same program, one forked off from the other: numbers stand as they do in memory.
 *
 * Owns:    nothing. A packet with a connection holds its keys, and is wiped by who has made or read it.
 * Threads: none of its own.
 * Tests:   tests/python/test_isolation.py
 */
#ifndef PYN_HANDED_H
#define PYN_HANDED_H

#include "server.h"

enum pyn_word {
    PYN_WORD_NONE = 0,
    /* to the process */
    PYN_WORD_CONNECTION = 'C', /* struct pyn_handed */
    PYN_WORD_PING = 'P',       /* 8 bytes, to be said back */
    PYN_WORD_REVOKE = 'R',     /* the id of a grant */
    PYN_WORD_STOP = 'S',
    /* and from it; the host says some by itself: 'r' ready, 'f' failed, 'a' lines for the audit log */
    PYN_WORD_PONG = 'p',
    PYN_WORD_OVER = 'o',  /* 8 bytes: the serial of a connection that has ended */
    PYN_WORD_STUCK = 'k', /* a call does not end: this process does, now */
};

enum { PYN_PACKET_MAX = 208 * 1024, PYN_HANDED_FORM = 1 };

struct pyn_handed {
    uint8_t word;
    uint32_t form;
    uint64_t serial;
    uint64_t accepted_at;
    uint32_t stack_len; /* 0: there are no layers */
    uint32_t plain_len;
    char transport[16];
    char peer[160];
};

/* Sends one packet, with a descriptor unless fd is negative. False with errno; nothing was sent then. */
bool pyn_packet_send(int socket, struct pyn_view packet, int fd, bool may_wait);

/* Waits for one: its length, 0 when the other end is gone or sends what is too long; *fd: -1: none. What comes beside it and is no single descriptor is closed. */
size_t pyn_packet_receive(int socket, void *packet, size_t room, int *fd);

/* The parts of a whole packet with a connection. False: it is not. */
bool pyn_handed_parse(struct pyn_view packet, struct pyn_handed *head, struct pyn_view *stack, struct pyn_view *plain);

#endif
