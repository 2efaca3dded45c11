/* load.c - from bytes to JSON to a policy; see policy.h. */
#include "build.h"
#include "unpack.h"

/*
 * Ahead of the JSON parser: how deep, and how many values. It agrees with the parser up to the first mistake, where the parser stops.
 */
struct look {
    size_t line;
    size_t line_start;
    uint32_t depth;
    uint32_t values;
    bool is_string;
};

static const char *look_at(struct look *look, uint8_t c)
{
    if (c == '"') {
        look->is_string = true;
    } else if (c == '[' || c == '{') {
        look->values++;
        if (++look->depth > PYN_POLICY_DEPTH_MAX) {
            return "nested more than 8 deep";
        }
    } else if ((c == ']' || c == '}') && look->depth != 0) {
        look->depth--;
    } else if (c == ',' || c == ':') {
        look->values++;
    }
    return look->values > PYN_POLICY_VALUE_MAX ? "more than 524288 keys and values" : NULL;
}

static pyn_status look_ahead(struct pyn_view json, struct pyn_diag *diag)
{
    struct look look = {.line = 1};
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.data[i];
        const char *what = NULL;
        if (c == '\n') {
            look.line++;
            look.line_start = i + 1;
        } else if (!look.is_string) {
            what = look_at(&look, c);
        } else if (c == '\\') {
            i++;
        } else if (c == '"') {
            look.is_string = false;
        }
        if (what != NULL) {
            return pyn_diag_refuse_line(diag, look.line, i - look.line_start + 1, what);
        }
    }
    return PYN_OK;
}

static pyn_status explain(const json_error_t *error, struct pyn_diag *diag)
{
    if (error->text[0] == '\0' || json_error_code(error) == json_error_out_of_memory) { /* it may have had none to say so */
        return pyn_diag_no_memory(diag);
    }
    size_t line = error->line > 0 ? (size_t)error->line : 1;
    size_t column = error->column > 0 ? (size_t)error->column : 1;
    return pyn_diag_refuse_line(diag, line, column, error->text);
}

pyn_status pyn_policy_load(const struct pyn_mem *mem, struct pyn_view json, struct pyn_policy **out, struct pyn_diag *diag)
{
    json_error_t error = {0};
    *out = NULL;
    if (json.len == 0) {
        return pyn_diag_refuse(diag, NULL, "the policy is empty", (struct pyn_view){0});
    }
    if (json.len > PYN_POLICY_MAX) {
        return pyn_diag_refuse(diag, NULL, "the policy is more than 16777216 bytes", (struct pyn_view){0});
    }
    pyn_status st = look_ahead(json, diag);
    if (st != PYN_OK) {
        return st;
    }
    json_t *parsed = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &error);
    if (parsed == NULL) {
        return explain(&error, diag);
    }
    st = pyn_policy_build(mem, parsed, false, out, diag);
    json_decref(parsed);
    return st;
}

pyn_status pyn_policy_load_fragment(const struct pyn_mem *mem, struct pyn_view map, struct pyn_policy **out,
                                    struct pyn_diag *diag)
{
    json_t *unpacked = NULL;
    *out = NULL;
    pyn_status st = pyn_unpack(map, &unpacked, diag);
    if (st != PYN_OK) {
        return st;
    }
    st = pyn_policy_build(mem, unpacked, true, out, diag);
    json_decref(unpacked);
    return st;
}
