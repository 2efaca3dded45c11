/* invoke.c - a call in from the peer: admitted by the session, decoded, run, answered. */
#include "ahead.h"
#include "arguments.h"
#include "call.h"
#include "deadline.h"
#include "interrupt.h"
#include "memory.h"

#include "../runtime/clock.h"
#include "../wire/pack.h"

enum { RETURN_HEAD = 2, ITEMS_HEAD = 8 }; /* bytes ahead of the value of a return, of items */

enum {
    SMALL_ANSWER = 4096
}; /* bytes that are written sooner than the interpreter's lock is given away and taken back */

static const char LINK_CAPSULE[] = "pynto.link";

/* ---- what is run ---- */

/* The operation on the object's real type: no instance attribute, no __getattr__, no name of the peer's. */
static PyObject *call_method(PyObject *object, PyObject *name, const struct pyn_arguments *arguments)
{
    PyObject *found = pyn_type_lookup(Py_TYPE(object), name);
    size_t count = arguments->count;
    descrgetfunc get = NULL;
    PyObject *bound = NULL;
    PyObject *result = NULL;

    if (found == NULL) {
        PyErr_Format(pyn_core.refused, "%s has no %U: the code has drifted from the policy", Py_TYPE(object)->tp_name,
                     name);
        return NULL;
    }
    Py_INCREF(found);
    get = Py_TYPE(found)->tp_descr_get;
    if (PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
        result = PyObject_Vectorcall(found, arguments->block + 1, (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                     arguments->kwnames);
    } else {
        bound = get != NULL ? get(found, object, (PyObject *)Py_TYPE(object)) : Py_NewRef(found);
        if (bound != NULL) {
            arguments->block[1] = NULL;
            result = PyObject_Vectorcall(bound, arguments->block + 2, count | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                         arguments->kwnames);
            Py_DECREF(bound);
        }
    }
    Py_DECREF(found);
    return result;
}

static PyObject *link_is_over(PyObject *capsule, PyObject *Py_UNUSED(ignored))
{
    struct pyn_link *link = PyCapsule_GetPointer(capsule, LINK_CAPSULE);
    bool is = false;

    if (link == NULL) {
        return NULL;
    }
    pyn_link_lock(link);
    is = link->over != PYN_OK;
    pyn_link_unlock(link);
    return PyBool_FromLong(is || pyn_watch_why() != PYN_OVERRUN_NONE);
}

static void unref_link(PyObject *capsule)
{
    pyn_link_unref(PyCapsule_GetPointer(capsule, LINK_CAPSULE));
}

/* A callable that tells whether the link is over, or the call that this thread runs is to end. */
static PyObject *over_question(struct pyn_link *link)
{
    static PyMethodDef method = {"is_over", link_is_over, METH_NOARGS, NULL};
    PyObject *capsule = PyCapsule_New(link, LINK_CAPSULE, unref_link);
    PyObject *question = NULL;

    if (capsule != NULL) {
        (void)pyn_link_ref(link);
        question = PyCFunction_New(&method, capsule);
        Py_DECREF(capsule);
    }
    return question;
}

/* In the thread that runs the call: on a client that no event loop drives. */
static PyObject *await_result(PyObject *awaitable, struct pyn_link *link)
{
    PyObject *question = over_question(link);
    PyObject *value = NULL;

    if (question != NULL) {
        value = PyObject_CallFunctionObjArgs(pyn_core.run_coroutine, awaitable, question, NULL);
    }
    Py_DECREF(awaitable);
    Py_XDECREF(question);
    return value;
}

/* A callable is called, anything else by the method of its type. */
static PyObject *call_object(const struct pyn_decoder *decoder, const struct pyn_call *call,
                             const struct pyn_arguments *arguments)
{
    PyObject *object = call->object;

    if (pyn_op_is_named(call->verdict.op, "__await__")) {
        return Py_NewRef(object); /* to be awaited itself */
    }
    if (!call->iface->is_fn) {
        return call_method(object, decoder->book->forms->names[call->verdict.op->slot], arguments);
    }
    return PyObject_Vectorcall(object, arguments->block + 2, arguments->count | PY_VECTORCALL_ARGUMENTS_OFFSET,
                               arguments->kwnames);
}

static PyObject *run_method(struct pyn_decoder *decoder, const struct pyn_call *call)
{
    const struct pyn_signature *signature = call->verdict.signature;
    struct pyn_arguments arguments;
    PyObject *result = NULL;

    pyn_arguments_init(&arguments, call->object);
    if (pyn_arguments_decode(decoder, signature, &arguments) != 0) {
        pyn_decoder_give_up(decoder);
    } else if (pyn_arguments_fit(call->verdict.op, &arguments) == 0) {
        result = call_object(decoder, call, &arguments);
        if (signature->is_async && !pyn_frame_top()->is_on_loop && result != NULL && pyn_is_awaitable(result)) {
            result = await_result(result, decoder->link);
        }
    }
    pyn_arguments_clear(&arguments);
    return result;
}

/* The attribute of the instance or its class, by the ordinary rules, without __getattr__ and __getattribute__. */
static PyObject *run_attribute(struct pyn_decoder *decoder, const struct pyn_call *call)
{
    const struct pyn_op *op = call->verdict.op;
    PyObject *name = decoder->book->forms->names[op->slot];
    PyObject *value = NULL;
    uint32_t count = 0;
    int failed = -1;

    if (op->kind == PYN_OP_GET) {
        return PyObject_GenericGetAttr(call->object, name);
    }
    if (pyn_reader_array(&decoder->reader, &count) != PYN_OK || pyn_reader_skip(&decoder->reader) != PYN_OK) {
        PyErr_SetString(pyn_core.protocol_error, "arguments that cannot be read");
        return NULL;
    }
    value = pyn_decode(decoder, op->type);
    if (value == NULL) {
        pyn_decoder_give_up(decoder);
    } else {
        failed = PyObject_GenericSetAttr(call->object, name, value);
        Py_DECREF(value);
    }
    return failed == 0 ? Py_NewRef(Py_None) : NULL;
}

/* ---- the answer ---- */

static const struct pyn_type *result_type(const struct pyn_call *call)
{
    static const struct pyn_type none = {.kind = PYN_T_NONE};

    switch (call->verdict.op->kind) {
    case PYN_OP_METHOD:
        return call->verdict.signature->result;
    case PYN_OP_GET:
        return call->verdict.op->type;
    default:
        return &none;
    }
}

int pyn_encode_result(struct pyn_encoder *encoder, PyObject *result, const struct pyn_call *call)
{
    const struct pyn_type *type = result_type(call);
    int fits = pyn_encode(encoder, result, type);

    if (fits == PYN_MISFIT) {
        PyObject *wanted = pyn_str(type->spelling);
        if (wanted != NULL) {
            PyErr_Format(PyExc_SystemError, "the result is a %s, which is not the declared %U: it was not sent",
                         Py_TYPE(result)->tp_name, wanted);
            Py_DECREF(wanted);
        }
    }
    return fits == PYN_FITS ? 0 : -1;
}

static struct pyn_view view_of_str(PyObject *text)
{
    Py_ssize_t len = 0;
    const char *data = text != NULL ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;

    if (data == NULL) {
        PyErr_Clear();
        return (struct pyn_view){NULL, 0};
    }
    return (struct pyn_view){(const uint8_t *)data, (size_t)len};
}

/* encoder: what is returned, or the details of the failure. */
static void answer(struct pyn_link *link, struct pyn_call *call, const struct pyn_encoder *encoder, bool is_return,
                   const struct pyn_failure *failure, const struct pyn_reading *reading)
{
    struct pyn_reply reply = {0};

    for (int i = 0; i < 2; i++) {
        PyObject *part = reading->parts[i];
        if (part != NULL) {
            reply.items[i].count = reading->counts[i];
            reply.items[i].rest.data = (const uint8_t *)PyBytes_AS_STRING(part);
            reply.items[i].rest.len = (size_t)PyBytes_GET_SIZE(part);
        }
    }
    if (is_return) {
        reply.value = pyn_encoder_parcel(encoder);
    } else {
        reply.type = view_of_str(failure->type);
        reply.text = view_of_str(failure->text);
        reply.incident = view_of_str(failure->incident);
        if (failure->has_details) {
            reply.details = pyn_buf_view(&encoder->buf);
        }
        if (reply.type.len == 0) {
            reply.type = pyn_view_of("RemoteError");
        }
    }
    if (is_return && reply.value.count == 0 && reply.value.own.len <= SMALL_ANSWER && reply.items[0].count == 0 &&
        pyn_link_try_answer(link, call, &reply)) {
        return;
    }
    Py_BEGIN_ALLOW_THREADS(void)
    pyn_link_answer(link, call, &reply);
    Py_END_ALLOW_THREADS
}

void pyn_answer_interrupted(struct pyn_link *link, struct pyn_call *call)
{
    const struct pyn_reply reply = {.type = pyn_view_of("RemoteError"), .text = pyn_view_of("interrupted")};

    Py_BEGIN_ALLOW_THREADS(void)
    pyn_link_answer(link, call, &reply);
    Py_END_ALLOW_THREADS
}

/* An operator that does not take the other operand: == and != compare by identity then, the others fail, as they do in Python. */
static PyObject *not_implemented(const struct pyn_op *op, PyObject *result)
{
    bool is_equal = pyn_view_is_equal(op->name, pyn_view_of("__eq__"));

    Py_DECREF(result);
    if (is_equal || pyn_view_is_equal(op->name, pyn_view_of("__ne__"))) {
        return PyBool_FromLong(!is_equal);
    }
    PyErr_SetString(PyExc_TypeError, "unsupported operand");
    return NULL;
}

PyObject *pyn_run(struct pyn_decoder *decoder, struct pyn_call *call)
{
    PyObject *result = call->verdict.op->kind == PYN_OP_METHOD ? run_method(decoder, call) : run_attribute(decoder, call);

    return result == Py_NotImplemented ? not_implemented(call->verdict.op, result) : result;
}

/* Nobody waits for it any more, or it cannot be afforded: it is not begun. */
bool pyn_is_not_to_run(struct pyn_link *link, const struct pyn_call *call)
{
    if (call->ends_at != 0 && pyn_now() >= call->ends_at) {
        (void)pyn_raise_deadline_text("running", "deadline: over before its turn");
        return true;
    }
    return pyn_interrupt_afford(link) != 0 || pyn_memory_afford() != 0;
}

static int encode_answer(struct pyn_encoder *encoder, PyObject *result, const struct pyn_call *call)
{
    if (call->is_oneway) { /* nobody would take what it gave */
        return pyn_packed(encoder, pyn_pack_nil(&encoder->buf));
    }
    return pyn_encode_result(encoder, result, call);
}

/* The exception that is set is what the call is answered with; encoder: for its details. */
static void take_failure(struct pyn_encoder *encoder, const struct pyn_call *call, const PyObject *thrown,
                         struct pyn_failure *failure)
{
    const struct pyn_mark nothing = {0};

    pyn_encoder_rewind(encoder, nothing);
    encoder->may_lend = false; /* details are one piece */
    if (call->is_oneway) {
        pyn_failure_log(call->verdict.op);
    } else {
        pyn_failure_take(failure, encoder->party, call->verdict.op, encoder, thrown);
    }
}

/* true: what is to be returned stands in the encoder; false with an exception. *result: strong, to be dropped when it has been answered. */
static bool run_to_answer(struct pyn_decoder *decoder, struct pyn_call *call, struct pyn_encoder *encoder,
                          struct pyn_reading *reading, PyObject **result)
{
    if (decoder->book == NULL || pyn_is_not_to_run(decoder->link, call)) {
        pyn_decoder_give_up(decoder);
        return false;
    }
    if (call->ahead > 0) {
        return pyn_read_ahead(decoder, call, encoder, reading) && pyn_packed(encoder, pyn_pack_nil(&encoder->buf)) == 0;
    }
    *result = pyn_run(decoder, call);
    return *result != NULL && encode_answer(encoder, *result, call) == 0;
}

void pyn_answer_with(struct pyn_link *link, struct pyn_call *call, PyObject *result, const PyObject *thrown)
{
    const struct pyn_reading nothing_ahead = {0};
    struct pyn_encoder encoder;
    struct pyn_failure failure = {0};
    bool is_return = false;

    pyn_encoder_init(&encoder, link, pyn_party_book(link->host, call->iface->policy), RETURN_HEAD);
    encoder.may_lend = true;
    is_return = result != NULL && encode_answer(&encoder, result, call) == 0;
    if (!is_return) {
        take_failure(&encoder, call, thrown, &failure);
    }
    answer(link, call, &encoder, is_return, &failure, &nothing_ahead);
    pyn_encoder_fini(&encoder, is_return || failure.has_details);
    pyn_failure_clear(&failure);
}

/* Only a server ends calls: what a client runs is its own program. */
static void begin_watch(struct pyn_watch *watch, struct pyn_link *link, const struct pyn_call *call,
                        const struct pyn_server *server)
{
    if (server == NULL) {
        return;
    }
    pyn_watch_enter(watch, link, call->lane, call->ends_at);
    if (call->is_cancelled || pyn_link_was_cancelled(link, call->lane)) {
        (void)pyn_watch_cancel(link, call->lane);
    }
}

static void end_watch(struct pyn_watch *watch, const struct pyn_server *server)
{
    if (server != NULL) {
        pyn_watch_leave(watch);
        pyn_interrupt_forget();
    }
}

/* It is over, and is answered now. What the watchdog has against it counts for more than what has come out of it. */
static enum pyn_overrun overrun_of(const struct pyn_server *server)
{
    enum pyn_overrun why = server != NULL ? pyn_watch_why() : PYN_OVERRUN_NONE;

    if (why != PYN_OVERRUN_NONE) {
        pyn_interrupt_forget();
    }
    if (why == PYN_OVERRUN_DEADLINE && PyErr_Occurred() && PyErr_ExceptionMatches(pyn_core.deadline_exceeded)) {
        return PYN_OVERRUN_NONE; /* it says so itself, and of whom */
    }
    return why;
}

/* One that was cancelled is not; one whose time is over says so when it is to be run. */
static bool is_begun(struct pyn_call *call, const struct pyn_server *server, PyObject **token)
{
    enum pyn_overrun why = server != NULL ? pyn_watch_why() : PYN_OVERRUN_NONE;

    return (why == PYN_OVERRUN_NONE || why == PYN_OVERRUN_DEADLINE) && pyn_deadline_enter(call->ends_at, token) == 0;
}

/* Is there nothing left that could run code of anybody's when it goes? */
static bool ends_quietly(PyObject *result, const struct pyn_frame *frame, const struct pyn_link *link)
{
    const bool is_plain = result == NULL || Py_REFCNT(result) > 1 || PyLong_CheckExact(result) ||
                          PyUnicode_CheckExact(result) || PyBytes_CheckExact(result) || PyFloat_CheckExact(result);

    return is_plain && frame->thrown == NULL && !atomic_load_explicit(&link->has_dead, memory_order_relaxed);
}

/* encoder: for the details of a failure. */
static void end_with(struct pyn_encoder *encoder, const struct pyn_call *call, const PyObject *thrown,
                     enum pyn_overrun why, struct pyn_failure *failure)
{
    const struct pyn_mark nothing = {0};

    if (why == PYN_OVERRUN_NONE) {
        take_failure(encoder, call, thrown, failure);
        why = encoder->party->is_server && failure->text == NULL ? pyn_watch_why() : PYN_OVERRUN_NONE;
    }
    if (why != PYN_OVERRUN_NONE) { /* also when telling what has come out of it has taken too long */
        pyn_encoder_rewind(encoder, nothing);
        failure->has_details = false;
        pyn_failure_clear(failure);
        (void)pyn_interrupt_tell(why, encoder->link, failure);
    }
}

PyObject *pyn_run_call(struct pyn_link *link, struct pyn_call *call, struct pyn_server *server)
{
    struct pyn_frame frame = {.link = link, .lane = call->lane, .is_oneway = call->is_oneway, .server = server};
    struct pyn_party *party = link->host;
    struct pyn_decoder decoder = {.link = link,
                                  .party = party,
                                  .reader = pyn_reader_of(call->body),
                                  .is_paged = call->is_paged,
                                  .is_narrow = call->is_narrow};
    struct pyn_encoder encoder;
    struct pyn_reading reading = {0};
    struct pyn_failure failure = {0};
    PyObject *result = NULL;
    PyObject *interrupt = NULL;
    PyObject *token = NULL;
    struct pyn_memory memory;
    struct pyn_watch watch;
    enum pyn_overrun why = PYN_OVERRUN_NONE;
    bool is_return = false;

    decoder.book = pyn_party_book(party, call->iface->policy);
    atomic_fetch_add(&link->calls, 1);
    if (atomic_load_explicit(&link->has_dead, memory_order_relaxed)) {
        pyn_drop_loans(link); /* what was lent, and is written, is not in this one's way */
    }
    pyn_encoder_init(&encoder, link, decoder.book, call->ahead > 0 ? ITEMS_HEAD : RETURN_HEAD);
    encoder.may_lend = call->ahead == 0;
    pyn_frame_push(&frame);
    begin_watch(&watch, link, call, server);
    pyn_memory_enter(&memory, link);
    if (decoder.book != NULL &&
        is_begun(call, server, &token)) { /* else there is an exception, which no other step may see */
        is_return = run_to_answer(&decoder, call, &encoder, &reading, &result);
        pyn_deadline_leave(token);
    } else {
        pyn_decoder_give_up(&decoder);
    }
    why = overrun_of(server);
    if (why == PYN_OVERRUN_NONE) {
        why = pyn_memory_why(&memory, is_return);
    }
    is_return = is_return && why == PYN_OVERRUN_NONE;
    if (!is_return && !call->is_oneway && !party->is_server && !PyErr_ExceptionMatches(PyExc_Exception)) {
        interrupt = pyn_taken_exception(); /* it goes on to who waits here */
        pyn_answer_interrupted(link, call);
    } else {
        if (!is_return) {
            end_with(&encoder, call, frame.thrown, why, &failure);
        }
        answer(link, call, &encoder, is_return, &failure, &reading);
    }
    if (server != NULL && !ends_quietly(result, &frame, link)) {
        pyn_watch_answered(&watch);
        pyn_interrupt_forget();
    }
    Py_XDECREF(result); /* after the answer: its finalizers run on nobody's time */
    Py_XDECREF(frame.thrown);
    pyn_encoder_fini(&encoder, is_return || failure.has_details);
    pyn_failure_clear(&failure);
    pyn_reading_clear(&reading);
    pyn_drop_dead(link);
    pyn_memory_leave(&memory);
    end_watch(&watch, server);
    pyn_frame_pop();
    return interrupt;
}
