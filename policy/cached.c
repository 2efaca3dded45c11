/* cached.c - see cached.h. */
#include "cached.h"

#include "names.h"

static const uint64_t MILLISECOND = UINT64_C(1000000);
enum { TTL_MS_MAX = 86400 * 1000, WHOLE_DIGITS_MAX = 5, FRACTION_DIGITS_MAX = 3 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint32_t span_digits(struct pyn_view text, size_t at)
{
    uint32_t count = 0;
    while (at + count < text.len && is_digit(text.data[at + count])) {
        count++;
    }
    return count;
}

static uint64_t number(const uint8_t *digits, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    return value;
}

/* "60s", "0.25s": one spelling for each. *at: behind it. */
static bool take_ttl(struct pyn_view text, size_t *at, uint64_t *ttl_ns)
{
    static const uint64_t scales[] = {1000, 100, 10, 1};
    uint32_t whole = span_digits(text, 0);
    uint32_t fraction = 0;
    if (whole == 0 || whole > WHOLE_DIGITS_MAX || (whole > 1 && text.data[0] == '0')) {
        return false;
    }
    uint64_t ms = number(text.data, whole) * 1000;
    *at = whole;
    if (*at < text.len && text.data[*at] == '.') {
        fraction = span_digits(text, *at + 1);
        if (fraction == 0 || fraction > FRACTION_DIGITS_MAX || text.data[*at + fraction] == '0') {
            return false;
        }
        ms += number(text.data + *at + 1, fraction) * scales[fraction];
        *at += 1 + fraction;
    }
    if (*at == text.len || text.data[*at] != 's' || ms == 0 || ms > TTL_MS_MAX) {
        return false;
    }
    *at += 1;
    *ttl_ns = ms * MILLISECOND;
    return true;
}

static bool take_word(struct pyn_view text, size_t *at, const char *word)
{
    size_t len = strlen(word);
    if (text.len - *at < len || memcmp(text.data + *at, word, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

/* The bit of a parameter; 0 when there is none of that name. */
static uint64_t bit_of(const struct pyn_op *op, struct pyn_view name)
{
    const struct pyn_signature *signature = op->signatures;
    for (uint32_t i = 0; op->signature_count == 1 && i < signature->param_count; i++) {
        if (pyn_view_is_equal(signature->params[i].name, name)) {
            return (uint64_t)1 << i;
        }
    }
    return 0;
}

/* "by" and sorted names of parameters, to the end of the text. */
static bool take_names(struct pyn_view text, size_t at, struct pyn_op *op)
{
    struct pyn_view last = {NULL, 0};
    op->vary = 0;
    do {
        struct pyn_view name = {text.data + at, pyn_name_span(text, at)};
        uint64_t bit = name.len > 0 ? bit_of(op, name) : 0;
        if (bit == 0 || (last.len > 0 && pyn_view_compare(last, name) >= 0)) {
            return false;
        }
        op->vary |= bit;
        at += name.len;
        last = name;
    } while (at < text.len && take_word(text, &at, ", "));
    return at == text.len;
}

static bool parse(struct pyn_op *op)
{
    size_t at = 0;
    if (!take_ttl(op->cached, &at, &op->ttl_ns)) {
        return false;
    }
    op->vary = UINT64_MAX;
    return at == op->cached.len || (take_word(op->cached, &at, " by ") && take_names(op->cached, at, op));
}

static struct pyn_op *find(const struct pyn_iface *iface, struct pyn_op *ops, struct pyn_view name)
{
    const struct pyn_op *op = pyn_iface_op(iface, PYN_OP_METHOD, name);
    if (op == NULL) {
        op = pyn_iface_op(iface, PYN_OP_GET, name);
    }
    return op != NULL ? ops + (op - iface->ops) : NULL;
}

pyn_status pyn_cached_compile(struct pyn_build *build, const struct pyn_section *section, const struct pyn_place *up,
                              const struct pyn_iface *iface, struct pyn_op *ops)
{
    const struct pyn_place section_at = {up, pyn_view_of("cached")};
    pyn_status st = PYN_OK;
    if (section->count > 0 && iface->is_import) {
        return pyn_diag_refuse(build->diag, up, "what a client implements is not cached", (struct pyn_view){0});
    }
    for (uint32_t i = 0; i < section->count; i++) {
        const struct pyn_place at = {&section_at, section->entries[i].name};
        struct pyn_op *op = find(iface, ops, section->entries[i].name);
        struct pyn_view text = {0};
        if (op == NULL) {
            return pyn_diag_refuse(build->diag, &at, "neither a method nor a readable attribute", (struct pyn_view){0});
        }
        st = pyn_string_read(&build->source, section->entries[i].value, &at, &text);
        if (st == PYN_OK) {
            st = pyn_arena_dup(&build->policy->arena, text, &op->cached);
        }
        if (st != PYN_OK) {
            return st;
        }
        if (!parse(op)) {
            return pyn_diag_refuse(build->diag, &at, "not of the form '2.5s by name, size':", text);
        }
    }
    return PYN_OK;
}

/* takes_home: a reference that comes home is one number in a connection, for ever; the peer's own object is not data, whatever its number. */
static bool is_data(const struct pyn_type *type, bool takes_home)
{
    if (type->kind == PYN_T_IFACE) {
        return takes_home && type->import == NULL;
    }
    for (uint32_t i = 0; i < type->count; i++) {
        if (!is_data(type->items[i], takes_home)) {
            return false;
        }
    }
    return true;
}

const char *pyn_cached_fault(const struct pyn_op *op)
{
    if (op->kind == PYN_OP_GET) {
        return is_data(op->type, false) ? NULL : "what is cached is data, not a reference";
    }
    if (op->signature_count != 1) {
        return "what is cached has no overloads";
    }
    for (uint32_t i = 0; i < op->signatures[0].param_count; i++) {
        if (!is_data(op->signatures[0].params[i].type, true)) {
            return "what is cached takes no object of the client's";
        }
    }
    return is_data(op->signatures[0].result, false) ? NULL : "what is cached is data, not a reference";
}
