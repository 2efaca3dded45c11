/*
 * data.c - the type `data`: any value that travels by value; see pyn_fit_data() in fit.h.
 *
 * Whoever decodes it builds what the tags say without another look: so their shapes are checked here. A key and an item of a set are a scalar, or
 * a tuple of scalars, and not a signalling NaN: what it takes to hash them is bounded, and it can be done.
 */
#include "fit.h"

/* A container that is open. */
struct frame {
    uint64_t left;   /* items to come; of a dict, keys and values */
    bool has_keys;   /* every other item, when an even number of them is left */
    bool has_hashed; /* every item */
};

static bool is_scalar(const struct pyn_item *item)
{
    if (item->wire == PYN_W_ARRAY || item->wire == PYN_W_MAP) {
        return false;
    }
    return item->wire != PYN_W_EXT || (item->ext >= PYN_EXT_INT && item->ext <= PYN_EXT_UUID);
}

static bool is_hashable_scalar(const struct pyn_item *item)
{
    return is_scalar(item) && !pyn_fit_is_unhashable(item);
}

static bool take_hashable_scalar(struct pyn_fit *fit, struct pyn_reader *value)
{
    struct pyn_item item;
    if (fit->steps == 0 || pyn_reader_next(value, &item) != PYN_OK) {
        return false;
    }
    fit->steps--;
    return is_hashable_scalar(&item);
}

static bool is_hashable(struct pyn_fit *fit, const struct pyn_item *item, struct pyn_reader *value)
{
    if (item->wire != PYN_W_ARRAY) {
        return is_hashable_scalar(item);
    }
    for (uint32_t i = 0; i < item->count; i++) {
        if (!take_hashable_scalar(fit, value)) {
            return false;
        }
    }
    return true;
}

/* What an array is whose first item is a tag. An empty one, and one without, is a tuple. */
static bool open_array(struct pyn_fit *fit, const struct pyn_item *item, struct pyn_reader *value, struct frame *frame)
{
    struct pyn_reader ahead = *value;
    struct pyn_item first;
    enum pyn_tag tag = PYN_TAG_LIST;
    *frame = (struct frame){.left = item->count};
    if (item->count == 0) {
        return true;
    }
    if (pyn_reader_next(&ahead, &first) != PYN_OK) {
        return false;
    }
    if (!pyn_item_tag(&first, &tag)) {
        return true;
    }
    *value = ahead;
    frame->left--;
    switch (tag) {
    case PYN_TAG_LIST:
        return true;
    case PYN_TAG_FROZENSET:
    case PYN_TAG_SET:
        frame->has_hashed = true;
        return frame->left <= fit->refs->key_max;
    case PYN_TAG_DICT:
        frame->has_keys = true;
        return frame->left % 2 == 0 && frame->left / 2 <= fit->refs->key_max;
    case PYN_TAG_RANGE:
        frame->left = 0;
        return item->count == 4 && pyn_fit_range(value);
    case PYN_TAG_SLICE:
        frame->left = 0;
        return item->count == 4 && pyn_fit_slice(value);
    case PYN_TAG_RECORD:
    case PYN_TAG_ENUM:
    case PYN_TAG_NDARRAY:
        return false;
    }
    return false;
}

static bool open_map(struct pyn_fit *fit, const struct pyn_item *item, struct frame *frame)
{
    *frame = (struct frame){.left = 2 * (uint64_t)item->count, .has_keys = true};
    return item->count <= fit->refs->key_max;
}

/* ---- the walk ---- */

struct walk {
    struct pyn_fit *fit;
    struct pyn_reader *value;
    uint32_t depth; /* containers around the whole */
    uint32_t open;  /* of frames */
    struct frame frames[PYN_DEPTH_CAP];
};

/* Counts one item of the innermost container; is it one that is hashed? */
static bool take_place(struct walk *walk)
{
    if (walk->open == 0) {
        return false;
    }
    struct frame *frame = &walk->frames[walk->open - 1];
    bool is_key = frame->has_keys && frame->left % 2 == 0;
    frame->left--;
    return is_key || frame->has_hashed;
}

static bool visit(struct walk *walk, const struct pyn_item *item)
{
    if (take_place(walk)) {
        return is_hashable(walk->fit, item, walk->value);
    }
    if (item->wire != PYN_W_ARRAY && item->wire != PYN_W_MAP) {
        return is_scalar(item);
    }
    if (walk->depth + walk->open >= PYN_DEPTH_CAP) {
        return false;
    }
    struct frame *frame = &walk->frames[walk->open++];
    return item->wire == PYN_W_MAP ? open_map(walk->fit, item, frame) : open_array(walk->fit, item, walk->value, frame);
}

static void close_frames(struct walk *walk)
{
    while (walk->open != 0 && walk->frames[walk->open - 1].left == 0) {
        walk->open--;
    }
}

pyn_status pyn_fit_data(struct pyn_fit *fit, const struct pyn_item *item, struct pyn_reader *value, uint32_t depth)
{
    struct walk walk;
    struct pyn_item next = *item;
    walk.fit = fit;
    walk.value = value;
    walk.depth = depth;
    walk.open = 0; /* the frames are set as they are opened */

    for (;;) {
        if (!visit(&walk, &next)) {
            return PYN_EMISFIT;
        }
        close_frames(&walk);
        if (walk.open == 0) {
            return PYN_OK;
        }
        if (fit->steps == 0 || pyn_reader_next(value, &next) != PYN_OK) {
            return PYN_EMISFIT;
        }
        fit->steps--;
    }
}
