/*
 * One object more, in any place that a scanner can be in: it stays inside of the bytes, what it counts adds up as before, and it goes on or says why
 * not. So it is after any number of objects, for the place in which it begins is one of these.
 */
#include "../../src/wire/scan.c"
#include "proof.h"

enum { BYTES = 8, DEPTH = 2 };

static size_t sum_of_left(const struct pyn_scan_open *open, uint32_t depth)
{
    size_t sum = 0;

    for (uint32_t i = 0; i <= depth; i++) {
        sum += open[i].left;
    }
    return sum;
}

static size_t keys_in_use(const struct pyn_scan_open *open, uint32_t depth)
{
    size_t sum = 0;

    for (uint32_t i = 0; i <= depth; i++) {
        sum += open[i].is_map ? open[i].items / 2 : 0;
    }
    return sum;
}

static bool is_sound(const struct pyn_scan_open *open, const struct pyn_scan_place *place, size_t max, uint32_t key_max)
{
    if (place->depth > DEPTH || place->pending != sum_of_left(open, place->depth) ||
        place->keys + keys_in_use(open, place->depth) != key_max || open[0].is_map || place->at > max ||
        place->pending > max - place->at || place->spare != max - place->at - place->pending) {
        return false;
    }
    for (uint32_t i = 1; i <= place->depth; i++) {
        if (open[i].left > open[i].items || (open[i].is_map && open[i].items % 2 != 0)) {
            return false;
        }
    }
    return place->depth == 0 || open[place->depth].left > 0;
}

/* What is known of a text that has come in part: it stands at the place, it is none of the short ones, and as much of it was there. */
static bool is_text_sound(const struct pyn_scan_place *place, struct pyn_view message)
{
    const size_t left = message.len - place->at;
    struct pyn_head head;

    if (place->text_len == 0) {
        return true;
    }
    return left > 0 && pyn_head_read(message.data + place->at, left, &head) && head.wire == PYN_W_STR && head.len > 1 &&
           place->text_len <= left - head.len && place->text_len <= head.size;
}

static void prove_start(void)
{
    const struct pyn_limits limits = {nondet_size(), nondet_u32(), nondet_size(), nondet_size(), nondet_size()};
    struct pyn_scan scan;

    ASSUME(limits.message_max > 0);
    pyn_scan_init(&scan, &limits);
    PROVE(is_sound(scan.open, &scan.place, limits.message_max, scan.place.keys),
          "what is counted adds up from the start");
    PROVE(scan.place.keys <= PYN_KEY_CAP && scan.place.text_len == 0, "and nothing is known of a text");
}

int main(void)
{
    uint8_t block[BYTES];
    struct pyn_scan_open open[DEPTH + 1];
    struct pyn_scan_place place;
    const struct pyn_limits limits = {nondet_size(), nondet_u32(), nondet_size(), nondet_size(), nondet_size()};
    const size_t max = nondet_size();
    const uint32_t key_max = nondet_u32();
    const size_t len = nondet_size_to(BYTES);
    const struct pyn_view message = {LAST_BYTES(block, len), len};
    size_t need = 0;

    prove_start();
    place.is_wide = nondet_bool();
    place.has_promise = nondet_bool();
    for (int i = 0; i <= DEPTH; i++) {
        open[i].is_map = nondet_bool();
    }
    ASSUME(limits.depth_max <= DEPTH && key_max <= PYN_KEY_CAP);
    ASSUME(is_sound(open, &place, max, key_max) && place.pending > 0 && place.at <= len && len <= max);
    ASSUME(is_text_sound(&place, message));
    struct walk walk = {&limits, open, place};
    const pyn_status st = scan_one(&walk, message, &need);

    PROVE(is_sound(open, &walk.place, max, key_max), "what is counted adds up");
    PROVE(walk.place.depth <= place.depth || walk.place.depth <= limits.depth_max, "no deeper than may be");
    PROVE(walk.place.elements <= place.elements, "announced is counted");
    if (st == PYN_OK || st == PYN_EWAIT) {
        PROVE(is_text_sound(&walk.place, message), "what is known of a text holds");
    }
    if (st == PYN_OK) {
        PROVE(walk.place.at > place.at && walk.place.at <= len, "it goes on, inside of the bytes");
    } else {
        PROVE(walk.place.at == place.at, "or stands where it stood");
    }
    if (st == PYN_EWAIT) {
        PROVE(need > 0 && need <= max - len, "whoever waits knows for how much, and that may come");
    } else {
        PROVE(st == PYN_OK || pyn_status_class(st) == PYN_CLASS_CLOSE, "what is refused closes");
    }
    return 0;
}
