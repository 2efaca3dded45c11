/* canonical.c - see canonical.h. */
#include "canonical.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "diag.h"

static pyn_status put(struct pyn_buf *out, const char *text)
{
    return pyn_buf_append(out, text, strlen(text));
}

/* ---- strings ---- */

/* One code point of what jansson has found to be UTF-8; *at moves behind it. */
static uint32_t next_point(const uint8_t *text, size_t *at)
{
    uint8_t first = text[(*at)++];
    uint32_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t point = more == 0 ? first : first & (0x3fu >> more);
    for (; more > 0; more--) {
        point = point << 6 | (text[(*at)++] & 0x3fu);
    }
    return point;
}

static pyn_status put_unit(struct pyn_buf *out, uint32_t unit)
{
    char escaped[8];
    (void)snprintf(escaped, sizeof escaped, "\\u%04" PRIx32, unit & 0xffff);
    return put(out, escaped);
}

static pyn_status put_point(struct pyn_buf *out, uint32_t point)
{
    static const char named[] = "\b\f\n\r\t\"\\";
    static const char letters[] = "bfnrt\"\\";
    const char *found = point != 0 && point < 0x80 ? strchr(named, (int)point) : NULL;
    if (found != NULL) {
        const char escape[] = {'\\', letters[found - named]};
        return pyn_buf_append(out, escape, sizeof escape);
    }
    if (point >= 0x20 && point < 0x7f) {
        const char plain = (char)point;
        return pyn_buf_append(out, &plain, 1);
    }
    if (point < 0x10000) {
        return put_unit(out, point);
    }
    pyn_status st = put_unit(out, 0xd800 + ((point - 0x10000) >> 10));
    return st == PYN_OK ? put_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff)) : st;
}

static pyn_status put_string(struct pyn_buf *out, const char *text, size_t len)
{
    pyn_status st = put(out, "\"");
    for (size_t at = 0; st == PYN_OK && at < len;) {
        st = put_point(out, next_point((const uint8_t *)text, &at));
    }
    return st == PYN_OK ? put(out, "\"") : st;
}

/* ---- values ---- */

static pyn_status put_line(struct pyn_buf *out, uint32_t level)
{
    pyn_status st = put(out, "\n");
    for (uint32_t i = 0; st == PYN_OK && i < level; i++) {
        st = put(out, " ");
    }
    return st;
}

static pyn_status put_value(struct pyn_buf *out, json_t *value, uint32_t level);

static pyn_status put_object(struct pyn_buf *out, json_t *object, uint32_t level)
{
    const char *between = "{";
    const char *key = NULL;
    size_t key_len = 0;
    json_t *value = NULL;
    pyn_status st = PYN_OK;
    if (json_object_size(object) == 0) {
        return put(out, "{}");
    }
    json_object_keylen_foreach(object, key, key_len, value)
    {
        st = st == PYN_OK ? put(out, between) : st;
        st = st == PYN_OK ? put_line(out, level + 1) : st;
        st = st == PYN_OK ? put_string(out, key, key_len) : st;
        st = st == PYN_OK ? put(out, ": ") : st;
        st = st == PYN_OK ? put_value(out, value, level + 1) : st;
        between = ",";
    }
    st = st == PYN_OK ? put_line(out, level) : st;
    return st == PYN_OK ? put(out, "}") : st;
}

static pyn_status put_list(struct pyn_buf *out, json_t *list, uint32_t level)
{
    pyn_status st = put(out, "[");
    for (size_t i = 0; st == PYN_OK && i < json_array_size(list); i++) {
        st = i == 0 ? PYN_OK : put(out, ", ");
        st = st == PYN_OK ? put_value(out, json_array_get(list, i), level) : st;
    }
    return st == PYN_OK ? put(out, "]") : st;
}

static pyn_status put_value(struct pyn_buf *out, json_t *value, uint32_t level)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(out, value, level);
    case JSON_ARRAY:
        return put_list(out, value, level);
    case JSON_STRING:
        return put_string(out, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return put(out, number);
    case JSON_TRUE:
        return put(out, "true");
    default:
        return PYN_EINTERNAL; /* no policy has one */
    }
}

pyn_status pyn_policy_canonical(const struct pyn_mem *mem, struct pyn_view json, struct pyn_buf *out,
                                struct pyn_diag *diag)
{
    struct pyn_policy *policy = NULL;
    size_t before = pyn_buf_len(out);
    pyn_status st = pyn_policy_load(mem, json, &policy, diag);
    pyn_policy_unref(policy);
    if (st != PYN_OK) {
        return st;
    }
    json_t *parsed = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
    if (parsed == NULL) {
        return pyn_diag_no_memory(diag);
    }
    st = put_value(out, parsed, 0);
    st = st == PYN_OK ? put(out, "\n") : st;
    json_decref(parsed);
    if (st != PYN_OK) {
        pyn_buf_truncate(out, before);
    }
    return st;
}
