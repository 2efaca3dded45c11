/* cache.c - see cache.h. */
#include "cache.h"

#include <assert.h>

#include "../wire/bigend.h"
#include "../wire/reader.h"

struct pyn_kept {
    struct pyn_bytenode node;
    struct pyn_kept *newer;
    struct pyn_kept *older;
    uint64_t sent_at;
    uint64_t ttl_ns;
    struct pyn_view value;
    size_t size; /* that it is charged with */
    uint8_t bytes[];
};

struct pyn_asking {
    struct pyn_asking *next;
    struct pyn_asking *before;
    uint64_t sent_at;
    uint64_t ttl_ns;
    bool is_forgotten;
    size_t size;
    size_t key_len;
    uint8_t key[];
};

enum {
    KEY_KEPT = 4096, /* bytes of room for a key that are not given back */
    ABSENT = 0xc1,   /* no value begins so */
    ID_BYTES = 8,
};

void pyn_cache_init(struct pyn_cache *cache, const struct pyn_mem *mem, struct pyn_ledger *ledger)
{
    *cache = (struct pyn_cache){.mem = mem, .ledger = ledger};
    pyn_buf_init(&cache->key, mem, (size_t)ledger->quotas->max[PYN_Q_CACHE]);
}

/* ---- keys ---- */

/*
 * No key is the beginning of another: it has the id, the name with a zero behind it, the operation, which tells one interface's from another's, and behind
 * the arguments' length the arguments.
 */
static pyn_status put_head(struct pyn_buf *key, uint64_t id, struct pyn_view name)
{
    uint8_t bytes[ID_BYTES];
    pyn_status st = PYN_OK;

    pyn_be_put_u64(bytes, id);
    st = pyn_buf_append(key, bytes, sizeof bytes);
    if (st == PYN_OK && name.len > 0) {
        st = pyn_buf_append(key, name.data, name.len);
        return st == PYN_OK ? pyn_buf_append(key, "", 1) : st;
    }
    return st;
}

/* Of a call: what was given, by place and by name. */
struct given {
    struct pyn_reader args;
    uint32_t arg_count;
    struct pyn_reader kwargs;
    uint32_t kwarg_count;
};

static void skip_many(struct pyn_reader *rd, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        (void)pyn_reader_skip(rd);
    }
}

static bool read_given(struct pyn_reader *rd, struct given *given)
{
    if (pyn_reader_array(rd, &given->arg_count) != PYN_OK) {
        return false;
    }
    given->args = *rd;
    skip_many(rd, given->arg_count);
    if (pyn_reader_map(rd, &given->kwarg_count) != PYN_OK) {
        return false;
    }
    given->kwargs = *rd;
    return true;
}

static struct pyn_view skipped(struct pyn_reader *rd)
{
    size_t from = rd->at;

    (void)pyn_reader_skip(rd);
    return (struct pyn_view){rd->data + from, rd->at - from};
}

static bool is_named(const struct pyn_signature *signature, struct pyn_view name)
{
    for (uint32_t i = 0; i < signature->param_count; i++) {
        const struct pyn_param *param = &signature->params[i];
        if ((param->kind == PYN_P_EITHER || param->kind == PYN_P_KEYWORD) && pyn_view_is_equal(param->name, name)) {
            return true;
        }
    }
    return false;
}

/* name: of a parameter; NULL for everything that no parameter names. */
static pyn_status put_keywords(struct pyn_buf *key, const struct pyn_signature *signature, const struct given *given,
                               const struct pyn_view *name)
{
    struct pyn_reader rd = given->kwargs;
    pyn_status st = PYN_OK;

    for (uint32_t i = 0; st == PYN_OK && i < given->kwarg_count; i++) {
        size_t from = rd.at;
        struct pyn_view text = {NULL, 0};
        (void)pyn_reader_str(&rd, &text);
        struct pyn_view value = skipped(&rd);
        if (name != NULL && pyn_view_is_equal(text, *name)) {
            return pyn_buf_append(key, value.data, value.len);
        }
        if (name == NULL && !is_named(signature, text)) {
            st = pyn_buf_append(key, rd.data + from, rd.at - from);
        }
    }
    if (st == PYN_OK && name != NULL) {
        const uint8_t absent = ABSENT;
        st = pyn_buf_append(key, &absent, 1);
    }
    return st;
}

/* The values by place from one on, count of them at most. */
static pyn_status put_places(struct pyn_buf *key, const struct given *given, uint32_t place, uint32_t count)
{
    struct pyn_reader rd = given->args;
    pyn_status st = PYN_OK;

    skip_many(&rd, place);
    for (uint32_t i = 0; st == PYN_OK && i < count; i++) {
        struct pyn_view value = skipped(&rd);
        st = pyn_buf_append(key, value.data, value.len);
    }
    return st;
}

static pyn_status put_param(struct pyn_buf *key, const struct pyn_signature *signature, uint32_t place,
                            const struct given *given)
{
    const struct pyn_param *param = &signature->params[place];

    if (param->kind == PYN_P_REST) {
        uint32_t from = signature->place_count;
        return given->arg_count > from ? put_places(key, given, from, given->arg_count - from) : PYN_OK;
    }
    if (param->kind == PYN_P_OPTIONS) {
        return put_keywords(key, signature, given, NULL);
    }
    if (place < signature->place_count && place < given->arg_count) {
        return put_places(key, given, place, 1);
    }
    return put_keywords(key, signature, given, &param->name);
}

static pyn_status put_arguments(struct pyn_buf *key, const struct pyn_op *op, struct pyn_reader *rd)
{
    const struct pyn_signature *signature = op->signatures;
    struct given given;
    uint8_t len[8] = {0};
    size_t before = pyn_buf_len(key);
    pyn_status st = pyn_buf_append(key, len, sizeof len);

    if (op->kind != PYN_OP_METHOD || st != PYN_OK) {
        return st;
    }
    if (!read_given(rd, &given)) {
        return PYN_EFORMAT;
    }
    for (uint32_t i = 0; st == PYN_OK && i < signature->param_count; i++) {
        if ((op->vary >> i & 1) != 0) {
            st = put_param(key, signature, i, &given);
        }
    }
    pyn_be_put_u64(len, pyn_buf_len(key) - before - sizeof len);
    for (size_t i = 0; st == PYN_OK && i < sizeof len; i++) {
        pyn_buf_patch(key, before + i, len[i]);
    }
    return st;
}

static pyn_status put_question(struct pyn_buf *key, const struct pyn_question *question)
{
    struct pyn_reader rd = pyn_reader_of(question->object);
    const struct pyn_op *op = question->op;
    struct pyn_view name = {NULL, 0};
    uint32_t count = 0;
    uint64_t id = 0;
    int64_t kind = 0; /* of a call with options, which do not change the answer */
    pyn_status st = PYN_EINTERNAL;

    if (pyn_reader_array(&rd, &count) != PYN_OK || (count != 4 && count != 6) ||
        (count == 6 && pyn_reader_int(&rd, &kind) != PYN_OK) || pyn_reader_uint(&rd, &id) != PYN_OK ||
        pyn_reader_str(&rd, &name) != PYN_OK) {
        return PYN_EFORMAT;
    }
    st = put_head(key, id, op->name);
    if (st == PYN_OK) {
        st = pyn_buf_append(key, &op, sizeof op);
    }
    return st == PYN_OK ? put_arguments(key, op, &rd) : st;
}

/* Good until the next one. False: none, or too large to be kept. */
static bool make_key(struct pyn_cache *cache, const struct pyn_question *question, struct pyn_view *key)
{
    if (cache->key.room > KEY_KEPT) {
        pyn_buf_fini(&cache->key);
    }
    pyn_buf_truncate(&cache->key, 0);
    if (put_question(&cache->key, question) != PYN_OK) {
        return false;
    }
    *key = pyn_buf_view(&cache->key);
    return true;
}

/* ---- what is kept ---- */

static void unlink_kept(struct pyn_cache *cache, struct pyn_kept *kept)
{
    *(kept->newer != NULL ? &kept->newer->older : &cache->newest) = kept->older;
    *(kept->older != NULL ? &kept->older->newer : &cache->oldest) = kept->newer;
}

static void link_newest(struct pyn_cache *cache, struct pyn_kept *kept)
{
    kept->newer = NULL;
    kept->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = kept;
    cache->newest = kept;
}

static void drop(struct pyn_cache *cache, struct pyn_kept *kept)
{
    unlink_kept(cache, kept);
    pyn_bytemap_remove(&cache->map, &kept->node);
    pyn_ledger_refund(cache->ledger, PYN_Q_CACHE, kept->size);
    pyn_mem_free(cache->mem, kept);
}

static bool is_over(const struct pyn_kept *kept, uint64_t now)
{
    return now > kept->sent_at && now - kept->sent_at >= kept->ttl_ns;
}

bool pyn_cache_find(struct pyn_cache *cache, const struct pyn_question *question, struct pyn_view *value)
{
    struct pyn_view key = {NULL, 0};
    struct pyn_kept *kept = NULL;

    if (cache == NULL) {
        return false;
    }
    kept = make_key(cache, question, &key) ? pyn_bytemap_find(&cache->map, key) : NULL;
    if (kept != NULL && is_over(kept, question->now)) {
        drop(cache, kept);
        kept = NULL;
    }
    if (kept == NULL) {
        return false;
    }
    cache->hits++;
    unlink_kept(cache, kept);
    link_newest(cache, kept);
    *value = kept->value;
    return true;
}

/* Charges what is to come, and lets go of the least recently used for it. */
static bool make_room(struct pyn_cache *cache, size_t size)
{
    if (size > cache->ledger->quotas->max[PYN_Q_CACHE]) {
        return false;
    }
    while (pyn_ledger_charge(cache->ledger, PYN_Q_CACHE, size) != PYN_OK) {
        if (cache->oldest == NULL) {
            return false;
        }
        drop(cache, cache->oldest);
        cache->evictions++;
    }
    return true;
}

static void keep(struct pyn_cache *cache, const struct pyn_asking *asking, struct pyn_view value)
{
    struct pyn_view key = {asking->key, asking->key_len};
    struct pyn_kept *before = pyn_bytemap_find(&cache->map, key);
    struct pyn_kept *kept = NULL;
    size_t size = sizeof *kept + key.len;

    if (before != NULL) {
        drop(cache, before);
    }
    if (value.len > SIZE_MAX - size || !make_room(cache, size + value.len)) {
        return;
    }
    size += value.len;
    kept = pyn_mem_resize(cache->mem, NULL, 1, size);
    if (kept == NULL) {
        pyn_ledger_refund(cache->ledger, PYN_Q_CACHE, size);
        return;
    }
    *kept = (struct pyn_kept){.sent_at = asking->sent_at, .ttl_ns = asking->ttl_ns, .size = size};
    memcpy(kept->bytes, key.data, key.len);
    memcpy(kept->bytes + key.len, value.data, value.len);
    kept->value = (struct pyn_view){kept->bytes + key.len, value.len};
    pyn_bytemap_add(&cache->map, &kept->node, (struct pyn_view){kept->bytes, key.len}, kept);
    link_newest(cache, kept);
}

/* ---- calls that are out ---- */

struct pyn_asking *pyn_cache_ask(struct pyn_cache *cache, const struct pyn_question *question)
{
    struct pyn_view key = {NULL, 0};
    struct pyn_asking *asking = NULL;
    size_t size = 0;

    if (cache == NULL) {
        return NULL;
    }
    cache->misses++;
    if (!make_key(cache, question, &key) || !make_room(cache, sizeof *asking + key.len)) {
        return NULL;
    }
    size = sizeof *asking + key.len;
    asking = pyn_mem_resize(cache->mem, NULL, 1, size);
    if (asking == NULL) {
        pyn_ledger_refund(cache->ledger, PYN_Q_CACHE, size);
        return NULL;
    }
    *asking = (struct pyn_asking){
        .next = cache->asking, .sent_at = question->now, .ttl_ns = question->op->ttl_ns, .size = size, .key_len = key.len};
    assert(key.data != NULL); /* no question is empty */
    memcpy(asking->key, key.data, key.len);
    if (cache->asking != NULL) {
        cache->asking->before = asking;
    }
    cache->asking = asking;
    return asking;
}

static void drop_asking(struct pyn_cache *cache, struct pyn_asking *asking)
{
    *(asking->before != NULL ? &asking->before->next : &cache->asking) = asking->next;
    if (asking->next != NULL) {
        asking->next->before = asking->before;
    }
    pyn_ledger_refund(cache->ledger, PYN_Q_CACHE, asking->size);
    pyn_mem_free(cache->mem, asking);
}

void pyn_cache_settle(struct pyn_cache *cache, struct pyn_asking *asking, const struct pyn_view *value)
{
    if (asking == NULL) {
        return;
    }
    if (value != NULL && !asking->is_forgotten) {
        keep(cache, asking, *value);
    }
    drop_asking(cache, asking);
}

/* ---- forgetting ---- */

static void forget(struct pyn_cache *cache, struct pyn_view beginning)
{
    struct pyn_kept *kept = NULL;

    while ((kept = pyn_bytemap_under(&cache->map, beginning)) != NULL) {
        drop(cache, kept);
    }
    for (struct pyn_asking *asking = cache->asking; asking != NULL; asking = asking->next) {
        if (asking->key_len >= beginning.len &&
            (beginning.len == 0 || memcmp(asking->key, beginning.data, beginning.len) == 0)) {
            asking->is_forgotten = true;
        }
    }
}

void pyn_cache_forget(struct pyn_cache *cache, uint64_t id, struct pyn_view name)
{
    uint8_t bytes[ID_BYTES + PYN_NAME_MAX + 1];
    size_t len = ID_BYTES;

    if (cache == NULL || (cache->map.count == 0 && cache->asking == NULL) || name.len > PYN_NAME_MAX) {
        return;
    }
    pyn_be_put_u64(bytes, id);
    if (name.len > 0) {
        memcpy(bytes + len, name.data, name.len);
        len += name.len;
        bytes[len++] = 0;
    }
    forget(cache, (struct pyn_view){bytes, len});
}

void pyn_cache_forget_all(struct pyn_cache *cache)
{
    if (cache != NULL) {
        forget(cache, (struct pyn_view){NULL, 0});
    }
}

void pyn_cache_fini(struct pyn_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    pyn_cache_forget_all(cache);
    while (cache->asking != NULL) {
        drop_asking(cache, cache->asking);
    }
    pyn_buf_fini(&cache->key);
}
