/*
 * fuzz_session.c - one session, of a server or a client, and a host that does anything in any order.
 *
 * The input is a program: each step feeds raw bytes or a message made of a few numbers, or lets the host answer, call back, export, import,
 * release, read the output, or wait. Whatever it does:
 *   - calls are answered in their order, each once, in every lane in which nothing was called back;
 *   - the tables agree with the ledger, and no quota is exceeded;
 *   - an id is never used twice, and every object that was taken is given back once;
 *   - the output does not depend on how the input was cut;
 *   - after the end nothing is owed.
 */
#include "session_world.h"

/* ---- memory that may fail ---- */

static void *fuzz_realloc(void *ctx, void *block, size_t size)
{
    struct memory *memory = ctx;

    if (size == 0) {
        memory->live -= block != NULL;
        free(block);
        return NULL;
    }
    if (memory->left > 0 && --memory->left == 0) {
        return NULL;
    }
    memory->live += block == NULL;
    return realloc(block, size);
}

/* ---- the program ---- */

static void read_output(struct world *w, size_t max)
{
    struct pyn_view out = {NULL, 0};

    while (max > 0 && (out = pyn_session_output(w->session)).len > 0) {
        out.len = out.len < max ? out.len : max;
        max -= out.len;
        watch_bytes(w, &w->out, out, true);
        for (size_t i = 0; i < out.len; i++) {
            w->log = (w->log ^ out.data[i]) * UINT64_C(1099511628211);
        }
        w->log_len += out.len;
        pyn_session_written(w->session, out.len);
    }
}

static void step(struct world *w)
{
    switch (take(w) % 14) {
    case 0:
        peer_raw(w);
        break;
    case 1:
        peer_hello(w);
        break;
    case 2:
    case 3:
    case 4:
        peer_message(w);
        break;
    case 5:
    case 6:
        host_answer(w);
        break;
    case 7:
        host_call(w);
        break;
    case 8:
        host_export(w);
        break;
    case 9:
        host_release(w);
        break;
    case 11:
    case 12:
        peer_part(w);
        break;
    case 10:
        read_output(w, (size_t)take(w) * 16);
        host_drain(w);
        break;
    default:
        host_reap(w);
        w->now += (uint64_t)take(w) * 10000000;
        (void)pyn_session_cancel(w->session, take(w) % 8);
        break;
    }
    watch_check(w);
}

/* ---- one run ---- */

static void begin(struct world *w, const uint8_t *data, size_t size, bool is_cut)
{
    *w = (struct world){.program = data, .left = size, .is_cut = is_cut, .now = 1};
    w->memory.mem = (struct pyn_mem){fuzz_realloc, &w->memory};
    uint8_t flags = take(w);
    w->role = flags & 1 ? PYN_ROLE_CLIENT : PYN_ROLE_SERVER;
    w->memory.left = flags & 2 ? (size_t)take(w) + 1 : 0;
    w->quotas = pyn_quotas_default();
    w->quotas.limits.message_max = 2048;
    w->quotas.max[PYN_Q_CALLS] = flags & 4 ? 3 : 8;
    w->quotas.max[PYN_Q_NESTING] = 5;
    w->quotas.max[PYN_Q_QUEUED] = flags & 8 ? 2000 : 1 << 20;
    w->quotas.max[PYN_Q_OUTPUT] = flags & 16 ? 1500 : 1 << 20;
    w->quotas.max[PYN_Q_REFERENCES] = 5;
    w->quotas.max[PYN_Q_LENT] = 4;
    w->quotas.max[PYN_Q_INTERFACES] = 3;
    w->quotas.refusals_burst = flags & 32 ? 3 : 1000;
    w->in.limits = w->quotas.limits;
    w->out.limits = PYN_LIMITS_DEFAULT;
    pyn_scan_init(&w->in.scan, &w->in.limits);
    pyn_scan_init(&w->out.scan, &w->out.limits);
    pyn_scan_init(&w->in.aside, &w->in.limits);
    pyn_scan_init(&w->out.aside, &w->out.limits);
    pyn_buf_init(&w->pending, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->in.carried, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->out.carried, pyn_mem_default(), SIZE_MAX);
    w->part_len = flags & 64 ? 5 + (size_t)take(w) % 40 : SIZE_MAX;
    pyn_buf_init(&w->in.held, pyn_mem_default(), SIZE_MAX);
    pyn_buf_init(&w->out.held, pyn_mem_default(), SIZE_MAX);
}

/* Every call that was let in is answered, and all output read: then nothing may be open. */
static void settle(struct world *w)
{
    for (bool is_moving = true; is_moving;) {
        is_moving = pyn_session_output(w->session).len > 0;
        read_output(w, SIZE_MAX);
        for (size_t i = 0; i < RUNNING; i++) {
            uint8_t room[16];
            if (w->running[i] != NULL &&
                pyn_session_send_return(w->session, w->running[i]->lane, host_tag(w->running[i], room)) == PYN_OK) {
                pyn_session_call_free(w->session, w->running[i]);
                w->running[i] = NULL;
                is_moving = true;
            }
            host_drain(w);
        }
    }
    read_output(w, SIZE_MAX);
    if (pyn_session_state(w->session) == PYN_OK && w->session->lanes.map.count == 0 && !w->in.is_over && !w->is_stuck) {
        CHECK(w->out.answers == w->in.calls + (w->role == PYN_ROLE_SERVER && pyn_session_is_ready(w->session)));
        CHECK(w->session->ledger.used[PYN_Q_CALLS] == 0 && w->session->ledger.used[PYN_Q_QUEUED] == 0);
    }
}

static void end(struct world *w)
{
    pyn_session_abandon(w->session);
    for (size_t i = 0; i < RUNNING; i++) {
        pyn_session_call_free(w->session, w->running[i]);
    }
    host_reap(w);
    for (size_t i = 0; i < OBJECTS; i++) {
        CHECK(w->held[i] == 0);
    }
    CHECK(w->lent == 0);
    CHECK(pyn_ledger_is_clear(pyn_session_ledger(w->session)));
    for (size_t i = 0; i < PROXIES; i++) { /* what is held is there all the same */
        CHECK(w->proxies[i] == NULL || w->proxies[i]->proxy == &w->proxies[i]);
        if (i % 2 == 0 && w->proxies[i] != NULL) {
            pyn_session_release(w->session, w->proxies[i]);
        }
    }
    pyn_session_free(w->session);
    CHECK(w->memory.live == 0);
    pyn_buf_fini(&w->in.held);
    pyn_buf_fini(&w->out.held);
    pyn_buf_fini(&w->pending);
    pyn_buf_fini(&w->in.carried);
    pyn_buf_fini(&w->out.carried);
}

static bool run(struct world *w, const uint8_t *data, size_t size, bool is_cut)
{
    begin(w, data, size, is_cut);
    bool may_fail = w->memory.left > 0;
    struct pyn_session_config config = {.mem = &w->memory.mem, .role = w->role, .quotas = &w->quotas, .now = w->now};
    if (pyn_session_new(&config, &w->session) != PYN_OK) {
        CHECK(w->memory.live == 0);
        return false;
    }
    w->session->part_len = w->part_len;
    while (w->left > 0) {
        step(w);
    }
    settle(w);
    watch_check(w);
    end(w);
    return !may_fail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world whole;
    static struct world cut;

    host_load();
    if (size > 4096) {
        return 0;
    }
    if (run(&whole, data, size, false) && run(&cut, data, size, true)) {
        CHECK(whole.log == cut.log && whole.log_len == cut.log_len);
        CHECK(whole.out.answers == cut.out.answers && whole.last_id == cut.last_id);
    }
    return 0;
}
