/*
 * fuzz_values.c - values out of bytes and into bytes again, at both ends of one connection, in an interpreter of its own.
 *
 * Input: one byte, at which end the value arrives (bit 0) and what is done to it there (the others: a twist of fuzz_values.py); one byte, which of the types
 * there it has; one byte, of which type it leaves; then the value.
 * Properties, of a value that the scanner lets in and that fits its type:
 *   - it becomes an object, or is refused by name; the decoder reads as far as the check did, and takes memory by the length of it;
 *   - the object fits the type that it came as: it leaves, the other end lets it in, and finds it equal; so does the first one when it comes home;
 *   - whatever a program holds in place of it, and as whatever type it leaves, what is sent fits that type at the other end, or there is a reason;
 *   - of objects, shared ones, memory, exports, imports and charges as many are left as were there before, and no exception.
 */
#include "../../src/binding/call.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../src/binding/pipeline.h"
#include "scanned.h"

enum {
    TYPES_MAX = 64,
    WATCHED_MAX = 64,
    RERUNS = 4,             /* caches are full by then */
    MEMORY_FOR_ONE = 65536, /* bytes that any value may take, */
    MEMORY_BY_BYTE = 512,   /* and for each byte of it */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
PyMODINIT_FUNC PyInit__core(void);

/* What cannot be, with what Python says of it. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            if (PyErr_Occurred()) {                                                                                    \
                PyErr_Print();                                                                                         \
            }                                                                                                          \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- the interpreter's memory, counted ---- */

struct counted {
    PyMemAllocatorEx below;
    size_t blocks;
    size_t bytes;
    size_t peak;
};

static struct counted counted;

static void *note(void *block, size_t before)
{
    if (block != NULL) {
        counted.bytes += malloc_usable_size(block) - before;
        counted.peak = counted.bytes > counted.peak ? counted.bytes : counted.peak;
    }
    return block;
}

static void *count_malloc(void *ctx, size_t size)
{
    void *block = counted.below.malloc(ctx, size);

    counted.blocks += block != NULL;
    return note(block, 0);
}

static void *count_calloc(void *ctx, size_t count, size_t size)
{
    void *block = counted.below.calloc(ctx, count, size);

    counted.blocks += block != NULL;
    return note(block, 0);
}

static void *count_realloc(void *ctx, void *block, size_t size)
{
    size_t before = block != NULL ? malloc_usable_size(block) : 0;
    void *grown = counted.below.realloc(ctx, block, size);

    counted.blocks += block == NULL && grown != NULL;
    return note(grown, before);
}

static void count_free(void *ctx, void *block)
{
    if (block != NULL) {
        counted.bytes -= malloc_usable_size(block);
        counted.blocks--;
    }
    counted.below.free(ctx, block);
}

/* All three of Python's domains are malloc(), so that AddressSanitizer sees each block. */
static void count_memory(void)
{
    PyMemAllocatorEx counting = {NULL, count_malloc, count_calloc, count_realloc, count_free};

    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &counted.below);
    counting.ctx = counted.below.ctx;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &counting);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &counting);
}

/* ---- the interpreter ---- */

static PyObject *helpers;

static PyObject *help(const char *name, PyObject *first, PyObject *second)
{
    PyObject *function = PyObject_GetAttrString(helpers, name);
    PyObject *result = function != NULL ? PyObject_CallFunctionObjArgs(function, first, second, NULL) : NULL;

    Py_XDECREF(function);
    return result;
}

static bool says(const char *name, PyObject *first, PyObject *second)
{
    PyObject *result = help(name, first, second);

    CHECK(result != NULL);
    Py_DECREF(result);
    return result == Py_True;
}

/* The extension stands in the program: it is found there under its name. */
static const char start[] =
    "import importlib.machinery, sys\n"
    "class Finder:\n"
    "    @staticmethod\n"
    "    def find_spec(name, path=None, target=None):\n"
    "        if name == 'pynto._core':\n"
    "            return importlib.machinery.ModuleSpec(name, importlib.machinery.BuiltinImporter, origin='built-in')\n"
    "sys.meta_path.insert(0, Finder)\n"
    "sys.path.extend('" PYN_FUZZ_PYTHON_PATH "'.split(':'))\n"
    "import pynto, fuzz_values, gc\n"
    "gc.collect()\n"
    "gc.freeze()\n"
    "gc.disable()\n";

static void start_python(void)
{
    PyPreConfig before;
    PyConfig config;

    PyPreConfig_InitIsolatedConfig(&before);
    before.allocator = PYMEM_ALLOCATOR_MALLOC;
    before.utf8_mode = 1;
    CHECK(!PyStatus_Exception(Py_PreInitialize(&before)));
    count_memory();
    CHECK(PyImport_AppendInittab("pynto._core", PyInit__core) == 0);
    PyConfig_InitIsolatedConfig(&config);
    config.use_hash_seed = 1; /* a finding is one tomorrow */
    config.hash_seed = 0;
    config.write_bytecode = 0;
    config.site_import = 0;
    CHECK(!PyStatus_Exception(PyConfig_SetBytesString(&config, &config.home, PYN_FUZZ_PYTHON_HOME)));
    CHECK(!PyStatus_Exception(Py_InitializeFromConfig(&config)));
    PyConfig_Clear(&config);
    CHECK(PyRun_SimpleString(start) == 0);
    helpers = PyImport_ImportModule("fuzz_values");
    CHECK(helpers != NULL);
}

/* ---- the two ends ---- */

struct end {
    struct pyn_party party; /* nothing of it is a real Connection or Server: what decodes and encodes asks for no more */
    struct pyn_quotas quotas;
    struct pyn_link *link;
    struct pyn_book *book;
    const struct pyn_type *types[TYPES_MAX];
};

static struct end server;
static struct end client;
static uint32_t type_count;

static void make_end(struct end *end, enum pyn_role role, struct pyn_limits limits)
{
    struct pyn_session_config config = {.mem = pyn_mem_default(), .role = role, .quotas = &end->quotas};
    struct pyn_session *session = NULL;

    (void)PyObject_Init((PyObject *)&end->party, &PyBaseObject_Type);
    end->party.is_server = role == PYN_ROLE_SERVER;
    end->quotas = pyn_quotas_default();
    end->quotas.limits = limits;
    CHECK(pyn_session_new(&config, &session) == PYN_OK);
    end->link = pyn_link_new(session, &end->quotas, &(struct pyn_ends){-1, -1, false}, "the other end");
    CHECK(end->link != NULL);
    end->link->host = &end->party;
    end->link->has_background = true; /* it needs no thread */
}

/* What one has written reaches the other; the hello is answered with the root. */
static void carry(struct end *from, struct end *to, PyObject *root, const struct pyn_iface *iface)
{
    struct pyn_event event;

    while (pyn_session_output_len(from->link->session) > 0) {
        size_t taken = 0;
        CHECK(pyn_session_put(to->link->session, pyn_session_output(from->link->session), &taken) == PYN_OK);
        pyn_session_written(from->link->session, taken);
        while (pyn_session_next(to->link->session, 0, &event) == PYN_OK) {
            if (event.kind == PYN_EV_HELLO) {
                CHECK(pyn_session_welcome(to->link->session, root, iface) == PYN_OK);
            } else if (event.kind == PYN_EV_ANSWER) {
                pyn_session_answer_free(to->link->session, event.answer);
            }
        }
    }
    CHECK(pyn_session_state(to->link->session) == PYN_OK);
}

static void find_types(struct end *end, const struct pyn_iface *iface)
{
    char name[8];
    const struct pyn_op *op = NULL;

    CHECK(iface != NULL);
    type_count = 0;
    for (;;) {
        (void)snprintf(name, sizeof name, "m%02u", (unsigned)type_count);
        op = pyn_iface_op(iface, PYN_OP_METHOD, pyn_view_of(name));
        if (op == NULL) {
            break;
        }
        CHECK(type_count < TYPES_MAX && op->signature_count == 1 && op->signatures[0].param_count == 1);
        end->types[type_count++] = op->signatures[0].params[0].type;
    }
}

static void connect_ends(void)
{
    struct pyn_limits narrow = {.message_max = 65536, .depth_max = 24, .element_max = 2048, .key_max = 64, .int_max = 96};
    struct pyn_limits wide = {.message_max = 131072, .depth_max = 32, .element_max = 4096, .key_max = 128, .int_max = 128};
    PyObject *text = help("policy", NULL, NULL);
    PyObject *root_type = PyObject_GetAttrString(helpers, "Root");
    PyObject *root = root_type != NULL ? PyObject_CallNoArgs(root_type) : NULL;
    struct pyn_policy *policy = NULL;
    const struct pyn_iface *iface = NULL;
    struct pyn_diag diag = {0};

    CHECK(text != NULL && root != NULL);
    if (pyn_policy_load(pyn_mem_default(),
                        (struct pyn_view){(uint8_t *)PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text)}, &policy,
                        &diag) != PYN_OK) {
        (void)fprintf(stderr, "%s\n", diag.text);
        abort();
    }
    server.party.book = server.book = pyn_book_resolve(policy);
    server.party.roots = PyTuple_Pack(1, root);
    CHECK(server.book != NULL && server.party.roots != NULL);
    make_end(&server, PYN_ROLE_SERVER, wide);
    make_end(&client, PYN_ROLE_CLIENT, narrow);
    iface = pyn_policy_root(policy, 0)->iface;
    carry(&client, &server, root, iface);
    carry(&server, &client, NULL, NULL);
    find_types(&server, iface);
    iface = pyn_session_described(client.link->session, pyn_view_of("fuzz_values:Root"));
    find_types(&client, iface);
    client.book = pyn_party_book(&client.party, iface->policy);
    CHECK(client.book != NULL);
    Py_DECREF(text);
    Py_DECREF(root_type);
    Py_DECREF(root);
}

/* ---- values ---- */

/* Bytes that were sent, with the references in them. */
struct sent {
    struct pyn_encoder encoder;
    struct pyn_view bytes;
};

static pyn_status fits(const struct end *end, struct pyn_view value, const struct pyn_type *type, size_t *len)
{
    const struct pyn_refs refs = pyn_session_refs(end->link->session);
    struct pyn_reader rd = pyn_reader_of(value);
    pyn_status st = pyn_type_fit(type, &rd, &refs);

    *len = rd.at;
    return st;
}

static bool is_refused(void)
{
    return PyErr_ExceptionMatches(pyn_core.refused);
}

/* What fits becomes an object, or NULL and the exception is gone. */
static PyObject *decode(struct end *end, struct pyn_view value, const struct pyn_type *type)
{
    struct pyn_decoder decoder = {
        .link = end->link, .party = &end->party, .book = end->book, .reader = pyn_reader_of(value)};
    size_t before = counted.bytes;
    PyObject *object = NULL;

    counted.peak = before;
    object = pyn_decode(&decoder, type);
    CHECK(counted.peak - before <= MEMORY_FOR_ONE + MEMORY_BY_BYTE * value.len);
    CHECK((object == NULL) == (PyErr_Occurred() != NULL));
    if (object == NULL) {
        CHECK(is_refused());
        PyErr_Clear();
        pyn_decoder_give_up(&decoder);
    } else {
        CHECK(decoder.reader.at == value.len);
    }
    return object;
}

/* As pyn_encode(), of an encoder of its own; an exception stays. */
static int encode(struct end *end, PyObject *object, const struct pyn_type *type, struct sent *sent)
{
    int result = 0;

    pyn_encoder_init(&sent->encoder, end->link, end->book, 16);
    result = pyn_encode(&sent->encoder, object, type);
    sent->bytes = pyn_buf_view(&sent->encoder.buf);
    CHECK((result == -1) == (PyErr_Occurred() != NULL));
    CHECK(result == PYN_FITS || result == PYN_MISFIT || result == -1);
    CHECK(sent->encoder.loan_count == 0);
    return result;
}

/* ---- the properties ---- */

static bool has_references(const struct pyn_type *type)
{
    bool has = type->kind == PYN_T_IFACE;

    for (uint32_t i = 0; !has && i < type->count; i++) {
        has = has_references(type->items[i]);
    }
    return has;
}

/* What one end has sent reaches the other, which lets it in. The description of what is in there may still be on its way. */
static PyObject *receive(struct end *to, struct pyn_view bytes, const struct pyn_type *type)
{
    size_t len = 0;

    CHECK(sample_scanned(bytes, &to->quotas.limits, false) == bytes.len);
    CHECK(fits(to, bytes, type, &len) == PYN_OK && len == bytes.len);
    return decode(to, bytes, type);
}

/* The peer takes less than this value is: it is not sent. */
static void check_refusal(void)
{
    CHECK(PyErr_ExceptionMatches(pyn_core.quota_exceeded));
    PyErr_Clear();
}

/* What has arrived there comes home as what went. Each end counts the arguments around a value, also around a result, which has none: one that has just
 * the depth that this end takes may stay there. */
static void go_home(struct end *here, struct end *there, PyObject *object, PyObject *other, uint32_t number)
{
    struct sent home;
    int result = encode(there, other, there->types[number], &home);

    CHECK(result != PYN_MISFIT);
    if (result == PYN_FITS) {
        PyObject *back = receive(here, home.bytes, here->types[number]);
        CHECK(back != NULL && says("same", object, back));
        Py_DECREF(back);
    } else {
        check_refusal();
    }
    pyn_encoder_fini(&home.encoder, false);
}

/* There and back. */
static void go_round(struct end *here, struct end *there, PyObject *object, uint32_t number)
{
    struct sent out;
    int result = encode(here, object, here->types[number], &out);

    CHECK(result != PYN_MISFIT);
    if (result != PYN_FITS) {
        check_refusal();
    } else if (!has_references(here->types[number])) {
        PyObject *other = receive(there, out.bytes, there->types[number]);
        CHECK(other != NULL);
        go_home(here, there, object, other, number);
        Py_DECREF(other);
    }
    pyn_encoder_fini(&out.encoder, false);
}

/* May what a program has made be refused like this? The exception stays. */
static bool has_reason(void)
{
    PyObject *type = NULL;
    PyObject *error = NULL;
    PyObject *trace = NULL;
    bool has = false;

    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    has = says("reason", error, NULL);
    PyErr_Restore(type, error, trace);
    return has;
}

/* As a program may have made it: it need not leave; but what does, fits. */
static void go_out(struct end *here, struct end *there, PyObject *object, uint32_t number)
{
    struct sent out;
    int result = encode(here, object, here->types[number], &out);

    if (result == -1) {
        CHECK(has_reason());
        PyErr_Clear();
    } else if (result == PYN_FITS && !has_references(here->types[number])) {
        PyObject *other = receive(there, out.bytes, there->types[number]);
        CHECK(other != NULL);
        Py_DECREF(other);
    }
    pyn_encoder_fini(&out.encoder, false);
}

static void twist(struct end *here, struct end *there, PyObject *object, uint32_t number, uint8_t how)
{
    PyObject *which = PyLong_FromLong(how);
    PyObject *twisted = help("twist", object, which);

    CHECK(which != NULL && twisted != NULL);
    if (twisted != Py_NotImplemented) {
        go_out(here, there, twisted, number);
    }
    Py_DECREF(which);
    Py_DECREF(twisted);
}

static void run(const uint8_t *data, size_t size)
{
    struct end *here = (data[0] & 1) != 0 ? &client : &server;
    struct end *there = here == &server ? &client : &server;
    uint32_t number = data[1] % type_count;
    struct pyn_view value = {data + 3,
                             sample_scanned((struct pyn_view){data + 3, size - 3}, &here->quotas.limits, false)};
    PyObject *object = NULL;
    size_t len = 0;

    if (value.len == 0 || fits(here, value, here->types[number], &len) != PYN_OK) {
        return;
    }
    CHECK(len == value.len);
    object = decode(here, value, here->types[number]);
    if (object == NULL) {
        return;
    }
    go_round(here, there, object, number);
    twist(here, there, object, data[2] % type_count, data[0] >> 1);
    Py_DECREF(object);
}

/* ---- what is left ---- */

struct left {
    size_t blocks;
    Py_ssize_t refs[WATCHED_MAX];
    uint64_t used[2][PYN_Q_HELD];
};

static PyObject *watched;

static void settle(struct end *end)
{
    pyn_drop_dead(end->link);
    CHECK(pyn_session_flush_frees(end->link->session) == PYN_OK);
    pyn_session_written(end->link->session, pyn_session_output_len(end->link->session));
    CHECK(pyn_session_state(end->link->session) == PYN_OK && end->link->over == PYN_OK);
}

/* As many as before, of what is counted exactly; but for the interpreter's memory, of which caches may keep some. */
static void look(struct left *left)
{
    settle(&server);
    settle(&client);
    CHECK(!PyErr_Occurred());
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watched); i++) {
        left->refs[i] = Py_REFCNT(PyTuple_GET_ITEM(watched, i));
    }
    memcpy(left->used[0], pyn_session_ledger(server.link->session)->used, sizeof left->used[0]);
    memcpy(left->used[1], pyn_session_ledger(client.link->session)->used, sizeof left->used[1]);
    left->blocks = counted.blocks;
}

static bool is_alike(const struct left *one, const struct left *other)
{
    return one->blocks == other->blocks && memcmp(one->refs, other->refs, sizeof one->refs) == 0;
}

static void tell(const struct left *before, const struct left *after)
{
    (void)fprintf(stderr, "blocks: %zu, %zu\n", before->blocks, after->blocks);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(watched); i++) {
        if (before->refs[i] != after->refs[i]) {
            (void)fprintf(stderr, "references: %zd, %zd of ", before->refs[i], after->refs[i]);
            (void)PyObject_Print(PyTuple_GET_ITEM(watched, i), stderr, 0);
            (void)fprintf(stderr, "\n");
        }
    }
}

/*
 * The same input again takes nothing more: by then caches hold what they will. That of types goes by the address of a name, which may be another each time;
 * and whoever makes a cycle is not us, but its blocks are in the way.
 */
static void check_again(const uint8_t *data, size_t size)
{
    struct left before = {0};
    struct left after = {0};

    PyGC_Enable();
    for (int i = 0; i < RERUNS; i++) {
        before = after;
        run(data, size);
        (void)PyGC_Collect();
        (void)PyType_ClearCache();
        look(&after);
        if (is_alike(&before, &after)) {
            break;
        }
    }
    PyGC_Disable();
    if (!is_alike(&before, &after)) {
        tell(&before, &after);
        abort();
    }
}

static void check_left(const uint8_t *data, size_t size)
{
    struct left before = {0};
    struct left after = {0};

    look(&before);
    run(data, size);
    look(&after);
    CHECK(memcmp(before.used, after.used, sizeof after.used) == 0);
    if (!is_alike(&before, &after)) {
        check_again(data, size);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    PyObject *list = NULL;

    (void)argc;
    (void)argv;
    start_python();
    connect_ends();
    list = help("watched", NULL, NULL);
    watched = list != NULL ? PyList_AsTuple(list) : NULL;
    CHECK(watched != NULL && PyTuple_GET_SIZE(watched) <= WATCHED_MAX);
    Py_DECREF(list);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4) {
        check_left(data, size);
    }
    return 0;
}
