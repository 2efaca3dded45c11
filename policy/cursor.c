/* cursor.c - where a string of the grammar is read; see grammar.h. */
#include "grammar.h"

struct pyn_cursor pyn_cursor_of(struct pyn_grammar *grammar, struct pyn_view text)
{
    grammar->stack_len = 0;
    grammar->fault = (struct pyn_fault){0};
    return (struct pyn_cursor){.grammar = grammar, .text = text};
}

bool pyn_cursor_is_done(const struct pyn_cursor *cursor)
{
    return cursor->at == cursor->text.len;
}

uint8_t pyn_cursor_peek(const struct pyn_cursor *cursor)
{
    return pyn_cursor_is_done(cursor) ? 0 : cursor->text.data[cursor->at];
}

bool pyn_cursor_accept(struct pyn_cursor *cursor, const char *word)
{
    size_t len = strlen(word);
    if (len > cursor->text.len - cursor->at || memcmp(cursor->text.data + cursor->at, word, len) != 0) {
        return false;
    }
    cursor->at += len;
    return true;
}

pyn_status pyn_cursor_fault(struct pyn_cursor *cursor, const char *what)
{
    cursor->grammar->fault = (struct pyn_fault){what, cursor->at};
    return PYN_EFORMAT;
}

pyn_status pyn_cursor_expect(struct pyn_cursor *cursor, const char *word, const char *what)
{
    return pyn_cursor_accept(cursor, word) ? PYN_OK : pyn_cursor_fault(cursor, what);
}

struct pyn_view pyn_cursor_since(const struct pyn_cursor *cursor, size_t start)
{
    return (struct pyn_view){cursor->text.data + start, cursor->at - start};
}
