/*
 * transport.h - addresses, and the file descriptors behind them: byte streams in and out.
 *
 *   tcp://host:port        port 0: any that is free; an IPv6 host stands in brackets
 *   ws://host:port/path    the same as tcp for this room: what a WebSocket begins with is not its business
 *   pynto://key@host:port/capability  TCP for this room, encrypted above it: allowed beyond loopback. To listen: pynto://host:port, or with the key
 *   pynto+ws://key@host:port/path#capability  the same within a WebSocket
 *   unix:///path           a socket file, mode 0600 from its first moment
 *   fd://N                 a descriptor that is already open: a connected stream socket, or for listening a listening one
 *
 * Owns:     descriptors that it opens, until they are handed out; each is close-on-exec.
 * Errors:   false, with one line for a person in *diag: what was tried, at which address, why it failed.
 * Threads:  any; nothing is shared.
 * Tests:    tests/unit/test_address.c, test_tcp.c, test_unix.c, test_dial.c, test_descriptors.c
 */
#ifndef PYN_TRANSPORT_H
#define PYN_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../wire/view.h"

enum { PYN_ADDRESS_MAX = 512, PYN_CAPABILITY_MAX = 352, PYN_SOURCE_LEN = 16 };

struct pyn_fault {
    char text[512]; /* printable, one line */
};

enum pyn_scheme {
    PYN_SCHEME_NONE = 0,
    PYN_SCHEME_TCP,
    PYN_SCHEME_UNIX,
    PYN_SCHEME_FD,
    PYN_SCHEME_WS,
    PYN_SCHEME_PYNTO,
    PYN_SCHEME_PYNTO_WS
};

struct pyn_address {
    enum pyn_scheme scheme;
    char host[256]; /* of all but UNIX and FD; without brackets */
    uint16_t port;
    char path[108]; /* UNIX, WS, PYNTO_WS: absolute, terminated */
    int fd;         /* FD */
    bool has_key;   /* PYNTO, PYNTO_WS */
    uint8_t key[32];
    size_t capability_len;                  /* the same; 0: none */
    uint8_t capability[PYN_CAPABILITY_MAX]; /* secret: no text of ours ever holds it */
};

/*
 * Strict: no user info, query or fragment, no relative, abstract or over-long path, no control character, port 0 to 65535. A WebSocket's path is of
 * letters, digits and -._~ between its slashes, without empty or dotted parts; none is "/".
 */
bool pyn_address_parse(struct pyn_view text, struct pyn_address *out, struct pyn_fault *fault);

/* The canonical spelling, without a capability; always terminated. */
void pyn_address_text(const struct pyn_address *address, char *text, size_t room);

/* Is what it leads to encrypted, whatever carries it? */
bool pyn_address_is_sealed(const struct pyn_address *address);

/* Is everything that the host of the address resolves to loopback? false, too, when it does not resolve. */
bool pyn_address_is_local(const struct pyn_address *address);

struct pyn_listener {
    int fd;
    struct pyn_address address; /* with the port that was really bound */
    bool owns_path;             /* UNIX: pyn_listener_close() removes the file, if it is still the one that was made */
    dev_t device;
    ino_t inode;
};

/*
 * TCP, WS: every address that the host resolves to must be loopback unless is_open_allowed: plain text beyond loopback is refused.
 * UNIX: the file is made 0600 from the start; one that a dead server left behind is replaced, one that is alive ("already in use"), not a
 * socket, or a symbolic link is refused. Non-blocking, SO_REUSEADDR.
 */
bool pyn_listen(const struct pyn_address *address, bool is_open_allowed, struct pyn_listener *out,
                struct pyn_fault *fault);
void pyn_listener_close(struct pyn_listener *listener);

/* Who has come. */
struct pyn_visitor {
    char text[160]; /* for the log, always terminated */
    bool has_uid;   /* over a Unix socket */
    uid_t uid;
};

/* The next connection, non-blocking, TCP_NODELAY: its descriptor; -1 with errno (EAGAIN: none). */
int pyn_accept(const struct pyn_listener *listener, struct pyn_visitor *visitor);

/* A connected descriptor (TCP_NODELAY), or -1: non-blocking, unless it was there before, as fd://N is, which stays as it was. Plain TCP beyond loopback is
 * refused unless is_open_allowed. timeout_ns 0: none. */
int pyn_dial(const struct pyn_address *address, bool is_open_allowed, uint64_t timeout_ns, struct pyn_fault *fault);

/* Whom a peer is counted with, by its address: IPv4 as mapped into IPv6; of IPv6 the first half. Zeros for what has no address. */
void pyn_source_of(int fd, uint8_t source[PYN_SOURCE_LEN]);

/* Unix sockets: who is at the other end, as of its connect(). false elsewhere. */
bool pyn_peer_uid(int fd, uid_t *uid);

bool pyn_set_blocking(int fd, bool is_blocking);

/* Two descriptors of one connection, which may be the same; what is negative is none. */
void pyn_close_both(int in, int out);

/*
 * For a server on its stdin and stdout: moves the streams 0 and 1 to descriptors of their own (close-on-exec) and puts /dev/null in the place of 0
 * and a copy of 2 in the place of 1, so that whatever prints cannot reach the stream and whatever reads gets the end of file.
 */
bool pyn_take_stdio(int *in, int *out, struct pyn_fault *fault);

#endif
