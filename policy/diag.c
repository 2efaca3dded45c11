/* diag.c - see diag.h. */
#include "diag.h"

#include <stdio.h>

enum { SHOWN_MAX = 80 }; /* bytes of one name or string that are shown */

struct line {
    struct pyn_diag *diag;
    size_t len;
};

static struct line begin(struct pyn_diag *diag)
{
    diag->text[0] = '\0';
    return (struct line){diag, 0};
}

static void put_char(struct line *line, char c)
{
    if (line->len + 1 < sizeof line->diag->text) {
        line->diag->text[line->len++] = c;
        line->diag->text[line->len] = '\0';
    }
}

static void put(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        put_char(line, *text);
    }
}

static void put_escaped(struct line *line, struct pyn_view text)
{
    static const char hex[] = "0123456789abcdef";
    size_t shown = text.len < SHOWN_MAX ? text.len : SHOWN_MAX;
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = text.data[i];
        if (byte >= 0x20 && byte <= 0x7e && byte != '\\') {
            put_char(line, (char)byte);
            continue;
        }
        put(line, "\\x");
        put_char(line, hex[byte >> 4]);
        put_char(line, hex[byte & 15]);
    }
    if (shown < text.len) {
        put(line, "...");
    }
}

static void put_number(struct line *line, size_t number)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%zu", number);
    put(line, digits);
}

static void put_place(struct line *line, const struct pyn_place *at)
{
    if (at == NULL) {
        return;
    }
    if (at->up != NULL) {
        put_place(line, at->up);
        put_char(line, '.');
    }
    put_escaped(line, at->name);
}

static void put_what(struct line *line, const struct pyn_place *at, const char *what)
{
    if (at != NULL) {
        put_place(line, at);
        put(line, ": ");
    }
    put(line, what);
}

static void put_quoted(struct line *line, struct pyn_view text)
{
    put(line, " \"");
    put_escaped(line, text);
    put_char(line, '"');
}

pyn_status pyn_diag_refuse(struct pyn_diag *diag, const struct pyn_place *at, const char *what, struct pyn_view about)
{
    if (diag != NULL) {
        struct line line = begin(diag);
        put_what(&line, at, what);
        if (about.len != 0) {
            put_quoted(&line, about);
        }
    }
    return PYN_EFORMAT;
}

pyn_status pyn_diag_refuse_char(struct pyn_diag *diag, const struct pyn_place *at, const char *what,
                                struct pyn_view text, size_t where)
{
    if (diag != NULL) {
        struct line line = begin(diag);
        put_what(&line, at, what);
        put(&line, ", at character ");
        put_number(&line, where + 1);
        put(&line, " of");
        put_quoted(&line, text);
    }
    return PYN_EFORMAT;
}

pyn_status pyn_diag_refuse_line(struct pyn_diag *diag, size_t line_number, size_t column, const char *what)
{
    if (diag != NULL) {
        struct line line = begin(diag);
        put(&line, "line ");
        put_number(&line, line_number);
        put(&line, ", column ");
        put_number(&line, column);
        put(&line, ": ");
        put_escaped(&line, pyn_view_of(what));
    }
    return PYN_EFORMAT;
}

pyn_status pyn_diag_no_memory(struct pyn_diag *diag)
{
    if (diag != NULL) {
        struct line line = begin(diag);
        put(&line, "out of memory");
    }
    return PYN_ENOMEM;
}
