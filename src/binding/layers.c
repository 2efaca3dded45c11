/* layers.c - see layers.h. */
#include "layers.h"

#include <sodium.h>

#include "../websocket/websocket.h"
#include "key_type.h"

/* Frames of our own hold PYN_LAYER_CHUNK bytes at most; a peer may put a whole message of the protocol into one. */
enum { BESIDE_MESSAGE = PYN_LAYER_CHUNK };

static void random_bytes(void *out, size_t len)
{
    randombytes_buf(out, len);
}

/* The names of a tuple, which holds them. */
static int take_names(PyObject *tuple, struct pyn_names *names)
{
    const char **list = PyMem_Calloc((size_t)PyTuple_GET_SIZE(tuple) + 1, sizeof *list);

    names->names = list;
    if (list == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        Py_ssize_t len = 0;
        list[i] = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(tuple, i), &len);
        if (list[i] == NULL) {
            return -1;
        }
        if (len == 0 || (size_t)len != strlen(list[i])) {
            PyErr_SetString(PyExc_ValueError, "a host or an origin that is allowed is not empty and holds no NUL");
            return -1;
        }
        names->count++;
    }
    return 0;
}

static struct pyn_layering *make(const struct pyn_address *address, uint64_t message_max, bool is_server)
{
    struct pyn_layering *made = PyMem_Calloc(1, sizeof *made);

    if (made == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    made->address = *address;
    if (address->scheme != PYN_SCHEME_WS &&
        address->scheme != PYN_SCHEME_PYNTO_WS) { /* the encrypted channel needs more than an address */
        return made;
    }
    (void)PyOS_snprintf(made->host, sizeof made->host, strchr(address->host, ':') != NULL ? "[%s]:%u" : "%s:%u",
                        address->host, (unsigned)address->port);
    made->websocket = (struct pyn_websocket_config){.is_server = is_server,
                                                    .path = made->address.path,
                                                    .host = made->host,
                                                    .message_max = message_max + BESIDE_MESSAGE,
                                                    .random = random_bytes};
    made->sources.from[made->sources.count++] = (struct pyn_layer_source){pyn_websocket_make, &made->websocket};
    return made;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    randombytes_buf(out, len);
}

static int add_door(struct pyn_layering *made, PyObject *door)
{
    if (door == NULL) {
        PyErr_SetString(PyExc_ValueError, "a server at pynto:// needs a key");
        return -1;
    }
    if (made->address.has_key &&
        sodium_memcmp(made->address.key, pyn_door_public(pyn_door_of(door)), PYN_NOISE_KEY_LEN) != 0) {
        PyErr_SetString(PyExc_ValueError, "the address to listen at names another key than the server's");
        return -1;
    }
    made->sources.from[made->sources.count++] = pyn_door_source(pyn_door_of(door),
                                                                made->address.scheme == PYN_SCHEME_PYNTO_WS);
    return 0;
}

static pyn_status make_channel(const void *ctx, const struct pyn_mem *mem, struct pyn_layer **out)
{
    return pyn_channel_new(ctx, mem, out);
}

/* What a client has to show: either a capability or a key. */
static int make_login(struct pyn_layering *made, bool has_key)
{
    const size_t len = made->address.capability_len;

    if (has_key == (len > 0)) {
        PyErr_SetString(PyExc_ValueError, has_key ? "either a capability in the address or a key, not both"
                                                  : "pynto://key@host:port needs a capability behind it, or a key");
        return -1;
    }
    made->login[0] = PYN_LOGIN_KEY;
    if (!has_key) {
        made->login[0] = len == PYN_CAPABILITY_LEN ? PYN_LOGIN_CAPABILITY : PYN_LOGIN_NARROWED;
        memcpy(made->login + 1, made->address.capability, len);
    }
    made->channel.login = (struct pyn_view){made->login, 1 + len};
    return 0;
}

static int take_key(PyObject *key, PyObject **where)
{
    if (key != Py_None && !pyn_key_is(key)) {
        PyErr_SetString(PyExc_TypeError, "key and psk are of type Key");
        return -1;
    }
    *where = key != Py_None ? Py_NewRef(key) : NULL;
    return 0;
}

static int add_channel(struct pyn_layering *made, PyObject *key, PyObject *psk)
{
    static const enum pyn_pattern_id patterns[2][2] = {{PYN_PATTERN_NK, PYN_PATTERN_NKPSK2},
                                                       {PYN_PATTERN_IK, PYN_PATTERN_IKPSK2}};
    bool has_key = false;
    bool has_psk = false;

    if (take_key(key, &made->keys[0]) != 0 || take_key(psk, &made->keys[1]) != 0) {
        return -1;
    }
    has_key = made->keys[0] != NULL;
    has_psk = made->keys[1] != NULL;
    if (!made->address.has_key) {
        PyErr_SetString(PyExc_ValueError, "the key of the server is missing: pynto://key@host:port/capability");
        return -1;
    }
    if (make_login(made, has_key) != 0) {
        return -1;
    }
    made->channel.transport = pyn_view_of(made->address.scheme == PYN_SCHEME_PYNTO_WS ? "ws" : "tcp");
    made->channel.server_public = made->address.key;
    made->channel.pattern = patterns[has_key][has_psk];
    made->channel.own = has_key ? pyn_key_pair(made->keys[0]) : NULL;
    made->channel.psk = has_psk ? pyn_key_pair(made->keys[1])->secret : NULL;
    made->channel.random = (struct pyn_random){fill, NULL};
    made->sources.from[made->sources.count++] = (struct pyn_layer_source){make_channel, &made->channel};
    return 0;
}

struct pyn_layering *pyn_layering_server(const struct pyn_address *address, uint64_t message_max, PyObject *hosts,
                                         PyObject *origins, PyObject *door)
{
    struct pyn_layering *made = make(address, message_max, true);

    if (made == NULL) {
        return NULL;
    }
    if (pyn_address_is_sealed(address) && add_door(made, door) != 0) {
        pyn_layering_free(made);
        return NULL;
    }
    made->hosts = PySequence_Tuple(hosts);
    made->origins = made->hosts != NULL ? PySequence_Tuple(origins) : NULL;
    if (made->origins == NULL || take_names(made->hosts, &made->websocket.hosts) != 0 ||
        take_names(made->origins, &made->websocket.origins) != 0) {
        pyn_layering_free(made);
        return NULL;
    }
    return made;
}

static struct pyn_layering *make_client(const struct pyn_address *address, uint64_t message_max, PyObject *key,
                                        PyObject *psk)
{
    struct pyn_layering *made = make(address, message_max, false);

    if (made != NULL && pyn_address_is_sealed(address) && add_channel(made, key, psk) != 0) {
        pyn_layering_free(made);
        return NULL;
    }
    if (made != NULL && !pyn_address_is_sealed(address) && (key != Py_None || psk != Py_None)) {
        PyErr_SetString(PyExc_ValueError, "a key is for pynto:// addresses: nothing else is encrypted");
        pyn_layering_free(made);
        return NULL;
    }
    return made;
}

void pyn_layering_free(struct pyn_layering *layering)
{
    if (layering == NULL) {
        return;
    }
    PyMem_Free((void *)(uintptr_t)layering->websocket.hosts.names);
    PyMem_Free((void *)(uintptr_t)layering->websocket.origins.names);
    Py_XDECREF(layering->hosts);
    Py_XDECREF(layering->origins);
    Py_XDECREF(layering->keys[0]);
    Py_XDECREF(layering->keys[1]);
    sodium_memzero(layering, sizeof *layering);
    PyMem_Free(layering);
}

int pyn_layers_add(struct pyn_link *link, const struct pyn_address *address, PyObject *key, PyObject *psk)
{
    const bool is_framed = address->scheme == PYN_SCHEME_WS || pyn_address_is_sealed(address);
    struct pyn_layering *layering = NULL;
    pyn_status st = PYN_EINTERNAL;

    if (!is_framed && key == Py_None && psk == Py_None) {
        return 0;
    }
    layering = make_client(address, link->quotas->limits.message_max, key, psk);
    if (layering == NULL) {
        return -1;
    }
    st = pyn_stack_new(pyn_mem_default(), &layering->sources, &link->stack);
    pyn_layering_free(layering);
    if (st != PYN_OK) {
        (void)pyn_raise(st, pyn_status_name(st));
        return -1;
    }
    return 0;
}
