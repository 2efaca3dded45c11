/* layers.c - see layers.h. */
#include "layers.h"

#include <sodium.h>

#include "../websocket/websocket.h"

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
    if (address->scheme != PYN_SCHEME_WS) {
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

struct pyn_layering *pyn_layering_server(const struct pyn_address *address, uint64_t message_max, PyObject *hosts,
                                         PyObject *origins)
{
    struct pyn_layering *made = make(address, message_max, true);

    if (made == NULL) {
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

static int add_to(struct pyn_link *link, const struct pyn_address *address)
{
    struct pyn_layering *layering = make(address, link->quotas.limits.message_max, false);
    pyn_status st = PYN_EINTERNAL;

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

int pyn_layers_add(struct pyn_link *link, struct pyn_view text)
{
    struct pyn_address address;
    struct pyn_fault fault = {{0}};

    if (text.len == 0) {
        return 0;
    }
    if (!pyn_address_parse(text, &address, &fault)) {
        PyErr_SetString(PyExc_ValueError, fault.text);
        return -1;
    }
    return add_to(link, &address);
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
    PyMem_Free(layering);
}
