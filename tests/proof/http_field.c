/*
 * One line more of a head, whatever stands in it and though as many came before as may: the line, its name and its value are inside of the head, what is a name has
 * just the bytes of one, and the head gets shorter. So it is for any line.
 */
#include "../../src/websocket/http.c"
#include "proof.h"

enum { BYTES = 10 };

static bool is_inside(struct pyn_view part, struct pyn_view all)
{
    return part.len == 0 || (__CPROVER_same_object(part.data, all.data) && part.data >= all.data &&
                             part.len <= all.len && (size_t)(part.data - all.data) <= all.len - part.len);
}

int main(void)
{
    uint8_t block[BYTES];
    struct pyn_http_head out;
    const size_t len = nondet_size_to(BYTES);
    const struct pyn_view all = {LAST_BYTES(block, len), len};
    struct pyn_view head = all;
    const size_t any = nondet_size();

    const size_t before = out.count = PYN_FIELDS_MAX - 1; /* the last that there is room for */
    const struct pyn_view line = next_line(&head);

    PROVE(is_inside(line, all) && is_inside(head, all), "a line is one of the head's, and so is what follows");
    PROVE(len == 0 || line.len + head.len < len, "and has an end, that belongs to neither");
    if (line.len == 0) {
        return 0; /* the empty line, behind which nothing is read */
    }
    const pyn_status st = take_field(&out, line);
    PROVE(st == PYN_OK || st == PYN_EFORMAT, "a status of the card");
    PROVE(out.count == before + (st == PYN_OK), "a field more, or none");
    if (st == PYN_OK) {
        const struct pyn_view name = out.fields[before].name;
        const struct pyn_view value = out.fields[before].value;
        PROVE(name.len > 0 && name.data == line.data && name.len < line.len && line.data[name.len] == ':',
              "a name begins the line, and a colon ends it");
        PROVE(any >= name.len || (name.data[any] > ' ' && name.data[any] != ':' && name.data[any] < 0x7f),
              "it has no blank in it");
        PROVE(is_inside(value, (struct pyn_view){line.data + name.len + 1, line.len - name.len - 1}),
              "its value follows");
        PROVE(value.len == 0 || (!is_blank(value.data[0]) && !is_blank(value.data[value.len - 1])),
              "without the blanks around it");
    }
    return 0;
}
