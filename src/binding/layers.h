/*
 * layers.h - which layers stand under the session, by the address: none, a WebSocket, the encrypted channel, or this in that.
 *
 * Owns:     a layering holds copies of its strings.
 * Errors:   -1 or NULL with a Python error set.
 * Threads:  made and freed with the interpreter's lock; read by any.
 * Tests:    tests/python/test_websocket.py
 */
#ifndef PYN_BINDING_LAYERS_H
#define PYN_BINDING_LAYERS_H

#include "core.h"

#include "../channel/channel.h"
#include "../channel/grant.h"
#include "../layer/stack.h"
#include "../runtime/link.h"
#include "../transport/transport.h"
#include "../websocket/upgrade.h"

struct pyn_layering {
    struct pyn_layering *next; /* the owner's, for a list */
    struct pyn_layer_sources sources;
    struct pyn_websocket_config websocket;
    struct pyn_channel_config channel;     /* of a client */
    uint8_t login[1 + PYN_CAPABILITY_MAX]; /* secret, as the address is */
    struct pyn_address address;
    char host[sizeof((struct pyn_address *)0)->host + 16]; /* for the field Host */
    PyObject *hosts;                                       /* tuple[str, ...], holds the names */
    PyObject *origins;
    PyObject *keys[2]; /* Key or NULL, strong: the client's own, and a preshared one */
};

/* hosts, origins: sequences of str; of a server on ws:// alone. door: of one on pynto://, which it must outlive; else NULL. */
struct pyn_layering *pyn_layering_server(const struct pyn_address *address, uint64_t message_max, PyObject *hosts,
                                         PyObject *origins, PyObject *door);
void pyn_layering_free(struct pyn_layering *layering); /* accepts NULL */

/* Gives a client's link what stands under its session, by the address that was dialled. Ahead of its first byte. key, psk: a Key or None, for pynto:// alone.
 * -1 with an exception. */
int pyn_layers_add(struct pyn_link *link, const struct pyn_address *address, PyObject *key, PyObject *psk);

#endif
