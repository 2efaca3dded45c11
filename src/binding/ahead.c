/* ahead.c - see ahead.h. */
#include "ahead.h"

#include "../runtime/clock.h"
#include "call.h"

enum {
    WARM_UP = 8,           /* steps with nothing in between before more than one is asked for */
    BYTES_MAX = 64 * 1024, /* of results: beyond it an answer goes out */
    LONG_NS = 1000 * 1000, /* for an answer that has something to say already */
};

struct pyn_ahead {
    PyObject *items; /* bytes: what was not taken yet; or NULL */
    size_t at;
    uint32_t left;  /* results from at on */
    PyObject *end;  /* the exception behind them, strong; or NULL */
    uint64_t calls; /* of the link, when the last step was done */
    uint32_t steps; /* without anything in between */
    uint32_t credit;
    bool is_asking; /* a thread waits for an answer */
    bool is_off;
};

void pyn_ahead_forget(struct pyn_ahead *ahead)
{
    if (ahead != NULL) {
        ahead->left = 0;
        Py_CLEAR(ahead->items);
        Py_CLEAR(ahead->end);
    }
}

void pyn_ahead_free(struct pyn_ahead *ahead)
{
    pyn_ahead_forget(ahead);
    PyMem_Free(ahead);
}

int pyn_ahead_traverse(const struct pyn_ahead *ahead, visitproc visit, void *arg)
{
    if (ahead != NULL) {
        Py_VISIT(ahead->end);
    }
    return 0;
}

/* ---- taking ---- */

static bool is_over(struct pyn_link *link)
{
    bool is = false;

    pyn_link_lock(link);
    is = link->over != PYN_OK;
    pyn_link_unlock(link);
    return is;
}

/* The next of those that are here. */
static PyObject *take(struct pyn_ahead *ahead, PyObject *netref, const struct pyn_op *op)
{
    struct pyn_link *link = pyn_netref_link(netref);
    PyObject *items = Py_NewRef(ahead->items); /* what makes a record may come back here */
    struct pyn_decoder decoder = {.link = link, .party = link->host, .book = pyn_netref_book(netref)};
    struct pyn_reader rest = pyn_reader_of((struct pyn_view){(const uint8_t *)PyBytes_AS_STRING(items) + ahead->at,
                                                             (size_t)PyBytes_GET_SIZE(items) - ahead->at});
    PyObject *value = NULL;

    decoder.reader = rest;
    (void)pyn_reader_skip(&rest);
    ahead->at += rest.at;
    ahead->left--;
    if (ahead->left == 0) {
        Py_CLEAR(ahead->items);
    }
    value = pyn_decode(&decoder, op->signatures[0].result);
    Py_DECREF(items);
    return value;
}

static PyObject *raise_end(struct pyn_ahead *ahead)
{
    PyObject *end = ahead->end;

    ahead->end = NULL;
    PyErr_SetObject((PyObject *)Py_TYPE(end), end);
    Py_DECREF(end);
    return NULL;
}

static PyObject *ask(struct pyn_ahead *ahead, PyObject *netref, const struct pyn_op *op, uint32_t wanted)
{
    struct pyn_read read = {.ahead = wanted};
    PyObject *value = pyn_ask_peer(netref, op, &read);
    bool is_less = value != NULL && read.count < wanted;

    if (read.items == NULL) {
        return value; /* NULL: an answer without any is an end */
    }
    if (value == NULL) {
        Py_XSETREF(ahead->end, pyn_taken_exception());
    }
    Py_XDECREF(value);
    ahead->steps = is_less ? 0 : ahead->steps;
    ahead->credit = is_less ? 2 : wanted * 2;
    Py_XSETREF(ahead->items, read.items);
    ahead->at = 0;
    ahead->left = read.count;
    return take(ahead, netref, op);
}

/* One result, for which the peer is asked. */
static PyObject *fetch(struct pyn_ahead *ahead, PyObject *netref, const struct pyn_op *op)
{
    struct pyn_link *link = pyn_netref_link(netref);
    uint64_t before = atomic_load(&link->calls);
    uint32_t wanted = ahead->credit < link->read_ahead ? ahead->credit : link->read_ahead;
    bool was_sent = false;
    PyObject *value = NULL;

    ahead->is_asking = true;
    if (ahead->is_off || ahead->steps < WARM_UP) {
        value = pyn_call_peer(netref, op, NULL, 0, NULL, &was_sent);
    } else {
        value = ask(ahead, netref, op, wanted);
    }
    ahead->is_asking = false;
    if (atomic_load(&link->calls) != before + 1) { /* the iterator has called back, or another thread something else */
        ahead->is_off = true;
    }
    return value;
}

static struct pyn_ahead *find(PyObject *netref)
{
    struct pyn_ahead **ahead = pyn_netref_ahead(netref);

    if (*ahead == NULL) {
        *ahead = PyMem_Calloc(1, sizeof **ahead);
        if (*ahead == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        (*ahead)->credit = 2;
    }
    return *ahead;
}

PyObject *pyn_ahead_next(PyObject *netref, const struct pyn_op *op)
{
    struct pyn_link *link = pyn_netref_link(netref);
    struct pyn_ahead *ahead = find(netref);
    PyObject *value = NULL;
    bool was_sent = false;

    if (ahead == NULL || pyn_netref_check(netref) != 0) {
        return NULL;
    }
    if (ahead->steps > 0 && atomic_load(&link->calls) != ahead->calls) {
        ahead->is_off = true; /* who looks elsewhere between two steps shall see what there is after each of them */
    }
    if (is_over(link)) {
        pyn_ahead_forget(ahead);
    }
    if (ahead->left > 0) {
        value = take(ahead, netref, op);
    } else if (ahead->end != NULL) {
        value = raise_end(ahead);
    } else if (ahead->is_asking) {
        return pyn_call_peer(netref, op, NULL, 0, NULL, &was_sent);
    } else {
        value = fetch(ahead, netref, op);
    }
    ahead->steps++;
    ahead->calls = atomic_load(&link->calls);
    return value;
}

/* ---- running ---- */

void pyn_reading_clear(struct pyn_reading *reading)
{
    Py_CLEAR(reading->parts[0]);
    Py_CLEAR(reading->parts[1]);
}

/* What the encoder holds becomes a part. */
static int keep(struct pyn_reading *reading, struct pyn_encoder *encoder, uint32_t count)
{
    const struct pyn_mark nothing = {0};
    struct pyn_view bytes = pyn_buf_view(&encoder->buf);
    int place = reading->parts[0] != NULL ? 1 : 0;

    if (count == 0) {
        return 0;
    }
    reading->parts[place] = PyBytes_FromStringAndSize((const char *)bytes.data, (Py_ssize_t)bytes.len);
    reading->counts[place] = reading->parts[place] != NULL ? count : 0;
    pyn_encoder_rewind(encoder, nothing);
    return reading->parts[place] != NULL ? 0 : -1;
}

/* One that does not fit into a message with those ahead of it has one of its own: alone it had been sent as well. */
static int encode_alone(struct pyn_encoder *encoder, PyObject *result, const struct pyn_call *call,
                        struct pyn_reading *reading, uint32_t *count, struct pyn_mark mark)
{
    PyErr_Clear();
    pyn_encoder_rewind(encoder, mark);
    if (keep(reading, encoder, *count) != 0) {
        return -1;
    }
    *count = 0;
    return pyn_encode_result(encoder, result, call);
}

static bool step(struct pyn_decoder *decoder, struct pyn_call *call, struct pyn_encoder *encoder,
                 struct pyn_reading *reading, uint32_t *count)
{
    struct pyn_mark mark = pyn_encoder_mark(encoder);
    PyObject *result = NULL;
    int fits = -1;

    decoder->reader = pyn_reader_of(call->body);
    result = pyn_run(decoder, call);
    if (result != NULL) {
        fits = pyn_encode_result(encoder, result, call);
        if (fits != 0 && *count > 0 && PyErr_ExceptionMatches(pyn_core.quota_exceeded)) {
            fits = encode_alone(encoder, result, call, reading, count, mark);
        } else if (fits != 0) {
            pyn_encoder_rewind(encoder, mark);
        }
        Py_DECREF(result);
    }
    *count += fits == 0;
    return fits == 0;
}

bool pyn_read_ahead(struct pyn_decoder *decoder, struct pyn_call *call, struct pyn_encoder *encoder,
                    struct pyn_reading *reading)
{
    const struct pyn_mark nothing = {0};
    uint64_t began = pyn_now();
    uint32_t most = call->ahead < PYN_AHEAD_MAX ? call->ahead : PYN_AHEAD_MAX;
    uint32_t count = 0;
    bool goes_on = true;
    PyObject *error = NULL;

    for (uint32_t i = 0; goes_on && i < most && reading->parts[0] == NULL; i++) {
        goes_on = step(decoder, call, encoder, reading, &count);
        if (pyn_buf_len(&encoder->buf) > BYTES_MAX || pyn_now() - began > LONG_NS) {
            break;
        }
    }
    error = goes_on ? NULL : pyn_taken_exception();
    if (keep(reading, encoder, count) != 0) {
        Py_CLEAR(error);
        goes_on = false;
    }
    if (error != NULL) {
        pyn_encoder_rewind(encoder, nothing);
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return goes_on;
}
