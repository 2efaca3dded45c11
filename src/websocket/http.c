/* http.c - see http.h. */
#include "http.h"

/* ---- where it ends ---- */

static bool is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t';
}

/* May this byte stand behind the one before it? */
static bool may_follow(uint8_t before, uint8_t byte)
{
    return before == '\r' ? byte == '\n' : is_text(byte) || byte == '\r';
}

pyn_status pyn_http_find_end(struct pyn_view bytes, size_t looked, size_t *len)
{
    *len = 0;
    for (size_t i = looked; i < bytes.len; i++) {
        if (i >= PYN_HEAD_MAX) {
            return PYN_ESIZE;
        }
        if (!may_follow(i > 0 ? bytes.data[i - 1] : '\n', bytes.data[i])) {
            return PYN_EFORMAT;
        }
        if (i >= 3 && bytes.data[i] == '\n' && bytes.data[i - 2] == '\n') { /* each LF stands behind a CR */
            *len = i + 1;
            return PYN_OK;
        }
    }
    return PYN_EWAIT;
}

/* ---- what it says ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool pyn_http_is(struct pyn_view text, const char *wanted)
{
    if (text.len != strlen(wanted)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.data[i]) != lower((uint8_t)wanted[i])) {
            return false;
        }
    }
    return true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct pyn_view trim(struct pyn_view text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* The front of *text up to the byte, which is taken away with it; all of it where there is none. */
static struct pyn_view cut(struct pyn_view *text, uint8_t at)
{
    const uint8_t *found = text->len > 0 ? memchr(text->data, at, text->len) : NULL;
    struct pyn_view front = *text;

    if (found == NULL) {
        *text = (struct pyn_view){NULL, 0};
        return front;
    }
    front.len = (size_t)(found - text->data);
    text->data += front.len + 1;
    text->len -= front.len + 1;
    return front;
}

static bool is_name(struct pyn_view name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = lower(name.data[i]);
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') &&
            memchr(marks, byte, sizeof marks - 1) == NULL) {
            return false;
        }
    }
    return name.len > 0;
}

static pyn_status take_field(struct pyn_http_head *head, struct pyn_view line)
{
    struct pyn_http_field *field = &head->fields[head->count];
    bool has_colon = memchr(line.data, ':', line.len) != NULL;

    field->name = cut(&line, ':');
    field->value = trim(line);
    if (!has_colon || !is_name(field->name)) {
        return PYN_EFORMAT;
    }
    head->count++;
    return PYN_OK;
}

/* Without its CR LF. */
static struct pyn_view next_line(struct pyn_view *head)
{
    struct pyn_view line = cut(head, '\n');

    line.len -= line.len > 0 ? 1 : 0;
    return line;
}

pyn_status pyn_http_parse(struct pyn_view head, struct pyn_http_head *out)
{
    struct pyn_view line;
    pyn_status st = PYN_OK;

    out->count = 0;
    out->line = next_line(&head);
    for (line = next_line(&head); st == PYN_OK && line.len > 0; line = next_line(&head)) {
        st = out->count < PYN_FIELDS_MAX ? take_field(out, line) : PYN_ESIZE;
    }
    return st;
}

size_t pyn_http_find(const struct pyn_http_head *head, const char *name, struct pyn_view *value)
{
    size_t count = 0;

    *value = (struct pyn_view){NULL, 0};
    for (size_t i = 0; i < head->count; i++) {
        if (pyn_http_is(head->fields[i].name, name)) {
            *value = head->fields[i].value;
            count++;
        }
    }
    return count;
}

bool pyn_http_list_has(struct pyn_view list, const char *token)
{
    while (list.len > 0) {
        if (pyn_http_is(trim(cut(&list, ',')), token)) {
            return true;
        }
    }
    return false;
}
