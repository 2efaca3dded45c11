/*
 * decisions.c - what pyn_admit() says of calls: for each its status, its reason, the place of the parameter and of the signature, 255: none.
 *
 * A batch is a policy, the limit of keys (four bytes), what is exported (a name of an interface a line: references 1, 2, ...), then the calls, each three blobs:
 * interface, name, body. A policy that does not load is answered by one blob, the reason.
 */
#include "frames.h"

#include "../../policy/policy.h"

enum { EXPORTED_MAX = 64, NONE = 255 };

struct held {
    const struct pyn_iface *ifaces[EXPORTED_MAX];
    uint64_t count;
};

static const struct pyn_iface *exported(void *ctx, uint64_t id)
{
    const struct held *held = ctx;

    return id >= 1 && id <= held->count ? held->ifaces[id - 1] : NULL;
}

static const struct pyn_iface *described(void *ctx, uint32_t number)
{
    (void)ctx;
    (void)number;
    return NULL; /* a client describes nothing */
}

static void hold(struct held *held, const struct pyn_policy *policy, struct pyn_view names)
{
    while (names.len > 0) {
        const uint8_t *end = memchr(names.data, '\n', names.len);
        frames_require(end != NULL && held->count < EXPORTED_MAX);
        struct pyn_view name = {names.data, (size_t)(end - names.data)};
        held->ifaces[held->count] = pyn_policy_find(policy, name);
        frames_require(held->ifaces[held->count++] != NULL);
        names = (struct pyn_view){end + 1, names.len - name.len - 1};
    }
}

static uint8_t place(const void *item, const void *first, size_t size)
{
    return item == NULL ? NONE : (uint8_t)((size_t)((const char *)item - (const char *)first) / size);
}

static void decide(struct frames *frames, const struct pyn_policy *policy, const struct pyn_refs *refs)
{
    const struct pyn_iface *iface = pyn_policy_find(policy, frames_take(frames));
    struct pyn_view name = frames_take(frames);
    struct pyn_verdict verdict;

    frames_require(iface != NULL);
    pyn_status st = pyn_admit(iface, name, frames_take(frames), refs, &verdict);
    const struct pyn_signature *signature = verdict.signature;
    const struct pyn_param *params = signature == NULL ? NULL : signature->params;
    const struct pyn_signature *signatures = verdict.op == NULL ? NULL : verdict.op->signatures;
    uint8_t answer[] = {(uint8_t)st, (uint8_t)verdict.why, place(verdict.param, params, sizeof *params),
                        place(signature, signatures, sizeof *signature)};

    size_t at = frames_open(frames);
    frames_put(frames, answer, sizeof answer);
    frames_close(frames, at);
}

static void decide_all(struct frames *frames, struct pyn_policy *policy)
{
    struct held held = {.count = 0};
    struct pyn_view key_max = frames_take(frames);
    struct pyn_refs refs = {&held, exported, described, 0};

    frames_require(key_max.len == 4);
    refs.key_max = pyn_be_u32(key_max.data);
    hold(&held, policy, frames_take(frames));
    while (frames_is_more(frames)) {
        decide(frames, policy, &refs);
    }
}

static void answer(struct frames *frames)
{
    struct pyn_policy *policy = NULL;
    struct pyn_diag diag = {{0}};

    if (pyn_policy_load(pyn_mem_default(), frames_take(frames), &policy, &diag) == PYN_OK) {
        decide_all(frames, policy);
    } else {
        size_t at = frames_open(frames);
        frames_put(frames, diag.text, strlen(diag.text));
        frames_close(frames, at);
    }
    pyn_policy_unref(policy);
}

int main(void)
{
    struct frames frames;

    frames_init(&frames);
    while (frames_read(&frames)) {
        answer(&frames);
        frames_write(&frames);
    }
    frames_fini(&frames);
    return 0;
}
