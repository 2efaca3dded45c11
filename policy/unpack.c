/* unpack.c - see unpack.h. */
#include "unpack.h"

#include "build.h"

struct unpack {
    struct pyn_reader reader;
    uint32_t values;
    struct pyn_diag *diag;
};

static pyn_status refuse(struct unpack *unpack, const char *what)
{
    return pyn_diag_refuse(unpack->diag, NULL, what, (struct pyn_view){0});
}

static pyn_status read_value(struct unpack *unpack, uint32_t depth, json_t **out);

static pyn_status read_array(struct unpack *unpack, uint32_t count, uint32_t depth, json_t **out)
{
    *out = json_array();
    if (*out == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        json_t *value = NULL;
        pyn_status st = read_value(unpack, depth + 1, &value);
        if (st != PYN_OK) {
            return st;
        }
        if (json_array_append_new(*out, value) != 0) {
            return PYN_ENOMEM;
        }
    }
    return PYN_OK;
}

static pyn_status read_key(struct unpack *unpack, const json_t *map, struct pyn_view *out)
{
    if (++unpack->values > PYN_FRAGMENT_VALUE_MAX) {
        return refuse(unpack, "more than 65536 keys and values");
    }
    if (pyn_reader_str(&unpack->reader, out) != PYN_OK) {
        return refuse(unpack, "a key that is no string");
    }
    if (json_object_getn(map, (const char *)out->data, out->len) != NULL) {
        return pyn_diag_refuse(unpack->diag, NULL, "a key that stands twice:", *out);
    }
    return PYN_OK;
}

static pyn_status read_map(struct unpack *unpack, uint32_t count, uint32_t depth, json_t **out)
{
    *out = json_object();
    if (*out == NULL) {
        return PYN_ENOMEM;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pyn_view key = {0};
        json_t *value = NULL;
        pyn_status st = read_key(unpack, *out, &key);
        if (st == PYN_OK) {
            st = read_value(unpack, depth + 1, &value);
        }
        if (st != PYN_OK) {
            return st;
        }
        if (json_object_setn_new_nocheck(*out, (const char *)key.data, key.len, value) != 0) {
            return PYN_ENOMEM;
        }
    }
    return PYN_OK;
}

static pyn_status read_text(struct unpack *unpack, struct pyn_view text, json_t **out)
{
    if (text.len != 0 && memchr(text.data, 0, text.len) != NULL) {
        return refuse(unpack, "a string with a NUL");
    }
    *out = json_stringn_nocheck((const char *)text.data, text.len);
    return *out == NULL ? PYN_ENOMEM : PYN_OK;
}

/* On failure *out is NULL. */
static pyn_status read_value(struct unpack *unpack, uint32_t depth, json_t **out)
{
    struct pyn_item item;
    pyn_status st = PYN_EINTERNAL;
    *out = NULL;
    if (++unpack->values > PYN_FRAGMENT_VALUE_MAX) {
        return refuse(unpack, "more than 65536 keys and values");
    }
    if (pyn_reader_next(&unpack->reader, &item) != PYN_OK) {
        return refuse(unpack, "cut short");
    }
    bool is_container = item.wire == PYN_W_ARRAY || item.wire == PYN_W_MAP;
    if (is_container && depth > PYN_POLICY_DEPTH_MAX) {
        return refuse(unpack, "nested more than 8 deep");
    }
    switch (item.wire) {
    case PYN_W_ARRAY:
        st = read_array(unpack, item.count, depth, out);
        break;
    case PYN_W_MAP:
        st = read_map(unpack, item.count, depth, out);
        break;
    case PYN_W_STR:
        st = read_text(unpack, item.bytes, out);
        break;
    case PYN_W_BOOL:
        *out = json_boolean(item.truth);
        st = PYN_OK;
        break;
    default:
        st = refuse(unpack, "neither a map, a list, a string nor true");
        break;
    }
    if (st != PYN_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

pyn_status pyn_unpack(struct pyn_view map, json_t **out, struct pyn_diag *diag)
{
    struct unpack unpack = {.reader = pyn_reader_of(map), .diag = diag};
    *out = NULL;
    if (map.len > PYN_FRAGMENT_MAX) {
        return refuse(&unpack, "more than 262144 bytes");
    }
    pyn_status st = read_value(&unpack, 1, out);
    if (st == PYN_OK && unpack.reader.at != unpack.reader.len) {
        st = refuse(&unpack, "something stands behind the map");
    }
    if (st != PYN_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st == PYN_ENOMEM ? pyn_diag_no_memory(diag) : st;
}
