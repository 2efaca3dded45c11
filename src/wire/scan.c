/*
 * scan.c - see scan.h.
 *
 * The checks of one object stand in a fixed order, and each waits for the bytes that it needs: so the first that fails is the same for
 * every split. What an object announces is taken at once from what the message may still have, in bytes, objects and keys.
 */
#include "scan.h"

#include "ext_check.h"
#include "head.h"
#include "keys.h"
#include "utf8.h"

enum { TEXT_LARGE = 64 * 1024 }; /* bytes: a longer text is looked at as it comes */

/* One call's work: the place is a copy, so that it can live in registers. */
struct walk {
    const struct pyn_limits *limits;
    struct pyn_scan_open *open;
    struct pyn_scan_place place;
};

/* The object that is looked at. */
struct object {
    struct pyn_head head;
    struct pyn_scan_open *top; /* what it stands in */
    const uint8_t *body;       /* behind the head */
};

static uint32_t min_u32(size_t limit, uint32_t cap)
{
    return limit < cap ? (uint32_t)limit : cap;
}

/* Both limits are 1 at least: the message itself is an object and has a byte. */
static void start_message(struct pyn_scan *scan)
{
    const struct pyn_limits *limits = scan->limits;

    scan->is_whole = false;
    scan->open[0] = (struct pyn_scan_open){1, 0, false};
    scan->place = (struct pyn_scan_place){
        .pending = 1,
        .spare = limits->message_max - 1,
        .elements = limits->element_max - 1,
        .keys = min_u32(limits->key_max, PYN_KEY_CAP),
    };
}

void pyn_scan_init(struct pyn_scan *scan, const struct pyn_limits *limits)
{
    scan->limits = limits;
    scan->end = limits->message_max == 0 || limits->element_max == 0 ? PYN_ESIZE : PYN_OK;
    start_message(scan);
}

void pyn_scan_retune(struct pyn_scan *scan, const struct pyn_limits *limits)
{
    scan->limits = limits;
    if (scan->place.at == 0) {
        start_message(scan);
    }
}

void pyn_scan_cap(struct pyn_scan *scan, size_t message_max)
{
    struct pyn_scan_place *place = &scan->place;

    if (place->at == 0 && message_max > 0 && place->spare > message_max - 1) {
        place->spare = message_max - 1;
    }
}

/* Items that come with a container, keys and values counted; of anything else the bytes behind the head. */
static uint64_t behind_head(const struct pyn_head *head)
{
    return (uint64_t)head->size << (head->wire == PYN_W_MAP);
}

static bool is_key_next(const struct pyn_scan_open *top)
{
    return top->is_map && top->left % 2 == 0;
}

static bool can_be_key(enum pyn_wire wire)
{
    return wire == PYN_W_STR || wire == PYN_W_UINT || wire == PYN_W_NINT;
}

static pyn_status check_container(const struct walk *walk, const struct pyn_head *head)
{
    const struct pyn_scan_place *place = &walk->place;

    if (place->depth == 0 && head->size > PYN_PARTS_MAX) {
        return PYN_EFORMAT;
    }
    if (place->depth >= min_u32(walk->limits->depth_max, PYN_DEPTH_CAP)) {
        return PYN_EDEPTH;
    }
    if (behind_head(head) > place->elements || (head->wire == PYN_W_MAP && head->size > place->keys)) {
        return PYN_ESIZE;
    }
    return PYN_OK;
}

static pyn_status check_ext(const struct walk *walk, const struct object *object)
{
    const struct pyn_scan_open *top = object->top;

    if (object->head.code == PYN_EXT_TAG && (top->is_map || top->left != top->items)) {
        return PYN_EEXT;
    }
    return pyn_ext_check_size(object->head.code, object->head.size, walk->limits);
}

/* All that the head alone can tell. */
static pyn_status check_head(const struct walk *walk, const struct object *object)
{
    const struct pyn_head *head = &object->head;

    if (head->len - 1 + behind_head(head) > walk->place.spare) {
        return PYN_ESIZE;
    }
    if (is_key_next(object->top) && !can_be_key(head->wire)) {
        return PYN_EFORMAT;
    }
    if (pyn_head_is_container(head)) {
        return check_container(walk, head);
    }
    if (head->wire == PYN_W_EXT) {
        return check_ext(walk, object);
    }
    return head->wire == PYN_W_BAD ? PYN_EFORMAT : PYN_OK;
}

/* A set or a dict that is written as an array has keys as well. The tag has not been counted yet. */
static pyn_status check_tag(const struct walk *walk, const struct object *object)
{
    uint8_t tag = object->body[0];
    uint32_t items = object->top->left - 1;
    uint32_t keys = 0;

    if (tag == PYN_TAG_SET || tag == PYN_TAG_FROZENSET) {
        keys = items;
    } else if (tag == PYN_TAG_DICT) {
        keys = items / 2;
    }
    return keys <= walk->limits->key_max ? PYN_OK : PYN_ESIZE;
}

/* A large text is looked at as it comes, so that nobody waits for it when it has. Returns how much of it is valid. */
static size_t check_text(struct walk *walk, struct pyn_view text)
{
    bool is_ascii = true;

    walk->place.text_len = pyn_utf8_valid_len(text, walk->place.text_len, &is_ascii);
    walk->place.is_wide = walk->place.is_wide || !is_ascii;
    return walk->place.text_len;
}

/* The bytes of a str or an ext, which are whole. */
static pyn_status check_body(struct walk *walk, const struct object *object)
{
    struct pyn_view body = {object->body, object->head.size};

    if (object->head.wire == PYN_W_STR) {
        return check_text(walk, body) == body.len ? PYN_OK : PYN_EUTF8;
    }
    if (object->head.wire != PYN_W_EXT) {
        return PYN_OK;
    }
    pyn_status st = pyn_ext_check(object->head.code, body, walk->limits);
    if (st == PYN_OK && object->head.code == PYN_EXT_TAG) {
        st = check_tag(walk, object);
    }
    return st;
}

static void open_container(struct walk *walk, const struct pyn_head *head)
{
    struct pyn_scan_place *place = &walk->place;
    bool is_map = head->wire == PYN_W_MAP;
    uint32_t items = (uint32_t)behind_head(head);

    if (items == 0) {
        return;
    }
    if (is_map) {
        place->keys -= head->size;
        if (head->size > 1 && place->first_map == 0) {
            place->first_map = place->at;
        }
    }
    place->pending += items;
    place->elements -= items;
    walk->open[++place->depth] = (struct pyn_scan_open){items, items, is_map};
}

static void close_all_ended(struct walk *walk)
{
    struct pyn_scan_place *place = &walk->place;
    const struct pyn_scan_open *top = &walk->open[place->depth];

    while (top->left == 0 && place->depth > 0) {
        place->keys += top->is_map ? top->items / 2 : 0;
        place->depth--;
        top--;
    }
}

static void close_ended(struct walk *walk)
{
    if (walk->open[walk->place.depth].left == 0) {
        close_all_ended(walk);
    }
}

/* The object has passed every check. */
static void accept(struct walk *walk, const struct object *object)
{
    const struct pyn_head *head = &object->head;
    struct pyn_scan_place *place = &walk->place;

    place->text_len = 0;
    place->pending--;
    place->spare -= head->len - 1 + (size_t)behind_head(head);
    object->top->left--;
    if (pyn_head_is_container(head)) {
        open_container(walk, head);
        place->at += head->len;
    } else {
        place->at += (size_t)head->len + head->size;
        place->has_promise = place->has_promise || (head->wire == PYN_W_EXT && head->code == PYN_EXT_PROMISE);
    }
    close_ended(walk);
}

/* A small integer is one byte, may stand anywhere, and there is nothing that could be wrong with it. */
static bool is_small_int(uint8_t first)
{
    return first < 0x80 || first >= 0xe0;
}

static void accept_small_int(struct walk *walk)
{
    walk->place.pending--;
    walk->place.at++;
    walk->open[walk->place.depth].left--;
    close_ended(walk);
}

/* The same of a short text that is whole and ASCII. False: it is looked at as any object. */
static bool accept_short_text(struct walk *walk, const uint8_t *p, size_t left)
{
    size_t size = *p & 0x1f;
    uint8_t all = 0;

    if ((*p & 0xe0) != 0xa0 || size >= left || size > walk->place.spare) {
        return false;
    }
    for (size_t i = 1; i <= size; i++) {
        all |= p[i];
    }
    if (all >= 0x80) {
        return false;
    }
    walk->place.pending--;
    walk->place.spare -= size;
    walk->place.at += 1 + size;
    walk->open[walk->place.depth].left--;
    close_ended(walk);
    return true;
}

/* And of an empty map, and of an array of a few items, which are one byte as well. */
static bool accept_short_container(struct walk *walk, uint8_t first)
{
    struct pyn_scan_place *place = &walk->place;
    struct pyn_scan_open *top = &walk->open[place->depth];
    const uint32_t items = first & 0x0f;

    if ((first != 0x80 && (first & 0xf0) != 0x90) || is_key_next(top) || items > place->spare ||
        items > place->elements || (place->depth == 0 && items > PYN_PARTS_MAX) ||
        place->depth >= min_u32(walk->limits->depth_max, PYN_DEPTH_CAP)) {
        return false;
    }
    place->pending += items;
    place->pending--;
    place->spare -= items;
    place->elements -= items;
    place->at++;
    top->left--;
    if (items > 0) {
        walk->open[++place->depth] = (struct pyn_scan_open){items, items, false};
    } else {
        close_ended(walk);
    }
    return true;
}

/* Accepts the next object, or says what is wrong with it, or how many bytes are missing. */
static pyn_status scan_one(struct walk *walk, struct pyn_view message, size_t *need)
{
    size_t left = message.len - walk->place.at;
    const uint8_t *p = message.data + walk->place.at;
    struct object object;

    if (left == 0) {
        *need = 1;
        return PYN_EWAIT;
    }
    if (is_small_int(*p)) {
        accept_small_int(walk);
        return PYN_OK;
    }
    if (accept_short_text(walk, p, left) || accept_short_container(walk, *p)) {
        return PYN_OK;
    }
    if (!pyn_head_read(p, left, &object.head)) {
        *need = object.head.len - left;
        return object.head.len - 1 <= walk->place.spare ? PYN_EWAIT : PYN_ESIZE;
    }
    object.top = &walk->open[walk->place.depth];
    object.body = p + object.head.len;
    pyn_status st = check_head(walk, &object);
    if (st != PYN_OK) {
        return st;
    }
    if (!pyn_head_is_container(&object.head)) {
        if (object.head.size > left - object.head.len) {
            *need = object.head.size - (left - object.head.len);
            if (object.head.wire == PYN_W_STR && left > TEXT_LARGE) {
                (void)check_text(walk, (struct pyn_view){object.body, left - object.head.len});
            }
            return PYN_EWAIT;
        }
        st = check_body(walk, &object);
    }
    if (st == PYN_OK) {
        accept(walk, &object);
    }
    return st;
}

/* A message is an array: whatever else speaks to us is found out by its first byte. */
static bool is_array_byte(uint8_t first)
{
    return (first & 0xf0) == 0x90 || first == 0xdc || first == 0xdd;
}

/* Up to the end of the object. */
static pyn_status scan_object(struct pyn_scan *scan, struct pyn_view message, size_t *need)
{
    struct walk walk = {scan->limits, scan->open, scan->place};
    pyn_status st = PYN_OK;

    if (walk.place.at == 0 && message.len > 0 && !is_array_byte(message.data[0])) {
        return PYN_EFORMAT;
    }
    while (st == PYN_OK && walk.place.pending > 0) {
        st = scan_one(&walk, message, need);
    }
    scan->place = walk.place;
    if (st == PYN_OK && walk.place.first_map != 0) {
        st = pyn_keys_check((struct pyn_view){message.data, walk.place.at}, walk.place.first_map);
    }
    scan->is_whole = st == PYN_OK;
    return st;
}

static pyn_status scan_message(struct pyn_scan *scan, struct pyn_view message, size_t *need)
{
    if (!scan->is_whole) {
        pyn_status st = scan_object(scan, message, need);
        if (st != PYN_OK) {
            return st;
        }
    }
    if (message.len == scan->place.at) {
        *need = 1;
        return PYN_EWAIT;
    }
    return message.data[scan->place.at] == '\n' ? PYN_OK : PYN_ENEWLINE;
}

pyn_status pyn_scan_feed(struct pyn_scan *scan, struct pyn_view message, size_t *len, size_t *need)
{
    *len = 0;
    *need = 0;
    if (scan->end != PYN_OK) {
        return scan->end;
    }
    if (message.len < scan->place.at) {
        return PYN_EINTERNAL; /* fewer bytes than at the last call */
    }
    pyn_status st = scan_message(scan, message, need);
    if (st == PYN_OK) {
        *len = scan->place.at;
        scan->has_promise = scan->place.has_promise;
        scan->is_narrow = !scan->place.is_wide;
        start_message(scan);
    } else if (st != PYN_EWAIT) {
        *need = 0;
        scan->end = st;
    }
    return st;
}

bool pyn_scan_awaits(const struct pyn_scan *scan, struct pyn_view message, bool *is_text, size_t *at)
{
    struct pyn_head head;

    if (scan->is_whole || scan->end != PYN_OK || message.len <= scan->place.at ||
        !pyn_head_read(message.data + scan->place.at, message.len - scan->place.at, &head)) {
        return false;
    }
    *is_text = head.wire == PYN_W_STR;
    *at = scan->place.at + head.len;
    return head.wire == PYN_W_STR || head.wire == PYN_W_BIN;
}
