/*
 * fuzz_diff.c - two signatures and a call made of bytes: what is said to be within the other admits nothing that the other refuses, and what is
 * said of a call by its shape is so.
 *
 * The bytes choose parameters from a small grammar, so that most inputs are two policies; the rest of them is a call. A file that is the input
 * itself is compared with a small policy as well: nothing in it may take the comparison out of its bounds.
 */
#include "../../policy/diff.h"
#include "../../policy/shape.h"
#include "../../policy/within.h"
#include "../../src/wire/pack.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {"int",    "float",      "bool",           "str",      "'x'",
                                    "1",      "true",       "data",           "int|none", "'x'|'y'",
                                    "(int,)", "(int, str)", "copy list[int]", "x:A",      "(int*)",
                                    "none",   "float|none", "rec x:R",        "enum x:E", "fn(int)->none"};
static const char *const names[] = {"a", "b", "c", "d"};
static const char *const frame =
    "{\"accepts\":{\"x:A\":[\"x:B\"]},\"enums\":{\"x:E\":[\"GREEN\",\"RED\"]},\"interfaces\":{\"x:A\":{\"class\":\"x:"
    "A\"},"
    "\"x:B\":{\"class\":\"x:B\"},\"x:X\":{\"class\":\"x:X\",\"methods\":{\"m\":\"%s\"}}},\"platform\":\"linux\","
    "\"pynto-policy\":1,\"python\":\"3.11\",\"records\":{\"x:R\":{\"n\":\"int\"}},\"roots\":{\"r\":\"x:X\"}}";

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct bytes {
    const uint8_t *data;
    size_t left;
};

static uint32_t below(struct bytes *bytes, uint32_t count)
{
    if (bytes->left == 0) {
        return 0;
    }
    bytes->left--;
    return *bytes->data++ % count;
}

/* ---- a signature ---- */

struct text {
    char chars[1024];
    size_t len;
    bool is_begun;
};

static void put(struct text *text, const char *what)
{
    size_t len = strlen(what);
    require(len < sizeof text->chars - text->len);
    memcpy(text->chars + text->len, what, len + 1);
    text->len += len;
}

static void put_item(struct text *text)
{
    put(text, text->is_begun ? ", " : "");
    text->is_begun = true;
}

static void put_type(struct text *text, struct bytes *bytes, bool may_miss)
{
    put(text, types[below(bytes, sizeof types / sizeof *types)]);
    put(text, may_miss ? "=?" : "");
}

/* Nameless ones, named ones, *rest, keywords, **options: names go up, so that none stands twice. */
static void put_signature(struct text *text, struct bytes *bytes)
{
    uint32_t positional = below(bytes, 3);
    uint32_t either = below(bytes, 3);
    uint32_t keywords = below(bytes, 3);
    uint32_t required = below(bytes, 5);
    uint32_t name = below(bytes, 3);
    uint32_t more = below(bytes, 4);
    put(text, "(");
    for (uint32_t i = 0; i < positional + either && (i < positional || name < 4); i++) {
        put_item(text);
        if (i >= positional) {
            put(text, names[name++]);
            put(text, ": ");
        }
        put_type(text, bytes, i >= required);
        if (i + 1 == positional) {
            put_item(text);
            put(text, "/");
        }
    }
    if ((more & 1) != 0) {
        put_item(text);
        put(text, "*rest: ");
        put_type(text, bytes, false);
    }
    for (uint32_t i = 0; i < keywords && name < 4; i++) {
        if (i == 0 && (more & 1) == 0) {
            put_item(text);
            put(text, "*");
        }
        put_item(text);
        put(text, names[name++]);
        put(text, ": ");
        put_type(text, bytes, below(bytes, 2) != 0);
    }
    if ((more & 2) != 0) {
        put_item(text);
        put(text, "**options: ");
        put_type(text, bytes, false);
    }
    put(text, ") -> none");
}

static struct pyn_policy *load(const struct text *signature)
{
    char json[2048];
    struct pyn_policy *policy = NULL;
    int len = snprintf(json, sizeof json, frame, signature->chars);
    require(len > 0 && (size_t)len < sizeof json);
    return pyn_policy_load(pyn_mem_default(), pyn_view_of(json), &policy, NULL) == PYN_OK ? policy : NULL;
}

/* ---- a call ---- */

static pyn_status put_value(struct pyn_buf *buf, struct bytes *bytes)
{
    switch (below(bytes, 9)) {
    case 0:
        return pyn_pack_int(buf, (int64_t)below(bytes, 3));
    case 1:
        return pyn_pack_float(buf, 0.5);
    case 2:
        return pyn_pack_bool(buf, below(bytes, 2) != 0);
    case 3:
        return pyn_pack_str(buf, &"xyz"[below(bytes, 3)], 1);
    case 4:
        return pyn_pack_nil(buf);
    case 5:
        return pyn_buf_append(buf, "\x92\x01\xa1x", 4);
    case 6:
        return pyn_buf_append(buf, "\x91\x01", 2);
    case 7:
        return pyn_buf_append(buf, "\x90", 1);
    default:
        return pyn_pack_str(buf, "", 0);
    }
}

static void put_call(struct pyn_buf *buf, struct bytes *bytes)
{
    uint32_t places = below(bytes, 5);
    uint32_t keywords = below(bytes, 4);
    pyn_status st = pyn_pack_array(buf, places);
    for (uint32_t i = 0; i < places && st == PYN_OK; i++) {
        st = put_value(buf, bytes);
    }
    uint32_t name = below(bytes, 2);
    require(st == PYN_OK);
    st = pyn_pack_map(buf, keywords);
    for (uint32_t i = 0; i < keywords && st == PYN_OK; i++) {
        st = pyn_pack_str(buf, &"abcde"[name + i], 1);
        st = st == PYN_OK ? put_value(buf, bytes) : st;
    }
    require(st == PYN_OK);
}

static bool admits(const struct pyn_policy *policy, struct pyn_view body)
{
    struct pyn_verdict verdict;
    const struct pyn_iface *iface = pyn_policy_find(policy, pyn_view_of("x:X"));
    return pyn_admit(iface, pyn_view_of("m"), body, &(struct pyn_refs){.key_max = 64}, &verdict) == PYN_OK;
}

/* ---- what must hold ---- */

/* What is judged by the shape of a call is what is decided on the call. */
static void judge(const struct pyn_policy *policy, struct pyn_view body, bool is_admitted)
{
    char text[PYN_SHAPE_TEXT_MAX];
    struct pyn_shape shape;
    const struct pyn_iface *iface = pyn_policy_find(policy, pyn_view_of("x:X"));
    pyn_shape_write(body, 0, text);
    require(pyn_shape_read(pyn_view_of(text), &shape));
    enum pyn_judgement found = pyn_judge(iface, PYN_OP_METHOD, pyn_view_of("m"), &shape, (struct pyn_view){0});
    require(found == PYN_JUDGE_MAYBE || (found == PYN_JUDGE_YES) == is_admitted);
}

static pyn_status note(void *ctx, const struct pyn_change *change)
{
    bool *has_grown = ctx;
    require(change->kind != PYN_CHANGE_NONE && change->subject != PYN_SUBJECT_NONE);
    *has_grown = *has_grown || pyn_change_is_growth(change->kind);
    return PYN_OK;
}

static bool grows(const struct pyn_policy *old, const struct pyn_policy *new)
{
    bool has_grown = false;
    require(pyn_policy_diff(old, new, note, &has_grown) == PYN_OK);
    return has_grown;
}

static void compare(const struct pyn_policy *one, const struct pyn_policy *two, struct bytes *bytes)
{
    struct pyn_buf buf;
    require(!grows(one, one) && !grows(two, two));
    bool two_is_within = !grows(one, two);
    bool one_is_within = !grows(two, one);
    pyn_buf_init(&buf, pyn_mem_default(), 1 << 16);
    for (uint32_t i = 0; i < 64; i++) {
        pyn_buf_truncate(&buf, 0);
        put_call(&buf, bytes);
        bool by_one = admits(one, pyn_buf_view(&buf));
        bool by_two = admits(two, pyn_buf_view(&buf));
        judge(one, pyn_buf_view(&buf), by_one);
        judge(two, pyn_buf_view(&buf), by_two);
        require(!two_is_within || !by_two || by_one);
        require(!one_is_within || !by_one || by_two);
    }
    pyn_buf_fini(&buf);
}

static void compare_file(struct pyn_view json)
{
    struct pyn_policy *policy = NULL;
    struct pyn_policy *small = load(&(struct text){.chars = "() -> none"});
    if (pyn_policy_load(pyn_mem_default(), json, &policy, NULL) == PYN_OK) {
        require(!grows(policy, policy));
        (void)grows(small, policy);
        (void)grows(policy, small);
    }
    pyn_policy_unref(policy);
    pyn_policy_unref(small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    struct text one = {.chars = ""};
    struct text two = {.chars = ""};
    if (size != 0 && data[0] == '{') {
        compare_file((struct pyn_view){data, size});
        return 0;
    }
    put_signature(&one, &bytes);
    put_signature(&two, &bytes);
    struct pyn_policy *first = load(&one);
    struct pyn_policy *second = load(&two);
    if (first != NULL && second != NULL) {
        compare(first, second, &bytes);
    }
    pyn_policy_unref(first);
    pyn_policy_unref(second);
    return 0;
}
