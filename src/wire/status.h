/*
 * status.h - the one status that every function of the core returns.
 *
 * A caller branches on the class (pyn_status_class), a log names the status (pyn_status_name).
 * Zeroed memory is PYN_EINTERNAL: a path that forgets to set its status has failed.
 */
#ifndef PYN_STATUS_H
#define PYN_STATUS_H

typedef enum pyn_status {
    PYN_EINTERNAL = 0, /* broken: our fault */
    PYN_OK,

    PYN_EWAIT, /* wait: more bytes are needed, or nothing is there yet */

    /* refuse: this call fails, the connection lives */
    PYN_EDENIED, /* unknown, private, freed and foreign look the same */
    PYN_EARGS,   /* an allowed operation with arguments that do not fit */
    PYN_EQUOTA,  /* a limit of the connection; nothing was taken */
    PYN_EMISFIT, /* a value that its declared type does not let out or in */
    PYN_ECANCELLED,

    /* close: the peer broke the protocol, or the connection is over */
    PYN_EFORMAT,   /* not msgpack, or not as the grammar wants it */
    PYN_ENEWLINE,  /* a message that no newline follows */
    PYN_EDEPTH,    /* nested too deep */
    PYN_ESIZE,     /* a message, string, array, map or number beyond its limit */
    PYN_EUTF8,     /* a str that is not UTF-8 */
    PYN_EDUPKEY,   /* a map key that stands twice */
    PYN_EEXT,      /* an ext type that we do not know, or of the wrong size */
    PYN_EPROTOCOL, /* well formed, but out of turn */
    PYN_EVERSION,  /* a hello of another version or another protocol */
    PYN_EFLOOD,    /* more refusals or more unread output than a peer may cause */
    PYN_EGONE,     /* the stream ended */

    /* broken */
    PYN_ENOMEM,

    /* close, of the channel; none is ever the code of a goodbye */
    PYN_EFORGED, /* not sealed by who it should be */
    PYN_ESPENT,  /* a key has no nonce left */
    PYN_ESHUT,   /* the server does not let this client in */
} pyn_status;

enum pyn_class { PYN_CLASS_OK, PYN_CLASS_WAIT, PYN_CLASS_REFUSE, PYN_CLASS_CLOSE, PYN_CLASS_BROKEN };

enum pyn_class pyn_status_class(pyn_status st);

/* Lower-case words for logs and goodbyes, such as "nested too deep". Never NULL. */
const char *pyn_status_name(pyn_status st);

#endif
