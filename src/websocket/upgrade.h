/*
 * upgrade.h - the two heads with which a WebSocket begins (RFC 6455, 4): written and checked. No extension is ever agreed on.
 *
 * Borrows:  the config and the heads, for the call.
 * Errors:   a refusal names itself by its status; 0 is none.
 * Threads:  any: a config is only read.
 * Tests:    tests/unit/test_websocket_upgrade.c
 */
#ifndef PYN_UPGRADE_H
#define PYN_UPGRADE_H

#include "../wire/buf.h"
#include "http.h"

#define PYN_WEBSOCKET_PROTOCOL "pynto.1"

enum { PYN_KEY_LEN = 24, PYN_ACCEPT_LEN = 28 }; /* characters of base64, without a terminator */

struct pyn_names {
    const char *const *names;
    size_t count;
};

struct pyn_websocket_config {
    bool is_server;
    const char *path;       /* exactly; it begins with a slash */
    const char *host;       /* CLIENT: what goes into Host: "127.0.0.1:7117" */
    struct pyn_names hosts; /* SERVER: names by which we may be called, lower case, beside those of loopback; without port */
    struct pyn_names origins; /* SERVER: web pages that may connect, such as "https://chat.example"; programs send no Origin */
    uint64_t message_max; /* bytes of one message of the peer's; what it holds is a stream, cut anywhere */
    void (*random)(void *out, size_t len);
};

/* What is wrong with a client's head: the HTTP status of the answer, 0: nothing, and key is its Sec-WebSocket-Key. */
unsigned pyn_upgrade_check_request(const struct pyn_websocket_config *config, const struct pyn_http_head *head,
                                   char key[PYN_KEY_LEN]);
pyn_status pyn_upgrade_answer(const char key[PYN_KEY_LEN], struct pyn_buf *out);
pyn_status pyn_upgrade_refuse(unsigned status, struct pyn_buf *out);

/* CLIENT: a fresh key, and the head that asks with it. */
pyn_status pyn_upgrade_ask(const struct pyn_websocket_config *config, char key[PYN_KEY_LEN], struct pyn_buf *out);

/* NULL: it is the agreement to what was asked with key; else why not. *status: the answer's, 0 when there is none. */
const char *pyn_upgrade_check_answer(const struct pyn_http_head *head, const char key[PYN_KEY_LEN], unsigned *status);

/* Sec-WebSocket-Accept for a key. */
void pyn_upgrade_accept(const char key[PYN_KEY_LEN], char accept[PYN_ACCEPT_LEN]);

#endif
