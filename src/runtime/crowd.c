/* crowd.c - see crowd.h. */
#include "crowd.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct source {
    struct pyn_idnode node;
    uint32_t count;
};

/* The two halves of an address, as the map wants them. */
struct key {
    uint64_t id;
    uint64_t side;
};

static struct key key_of(const uint8_t *source)
{
    struct key key;

    memcpy(&key.side, source, sizeof key.side);
    memcpy(&key.id, source + sizeof key.side, sizeof key.id);
    return key;
}

static struct source *find(const struct pyn_crowd *crowd, const uint8_t *source)
{
    const struct key key = key_of(source);

    return pyn_idmap_find(&crowd->map, key.id, key.side);
}

bool pyn_crowd_enter(struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN], uint32_t max)
{
    const struct key key = key_of(source);
    struct source *found = find(crowd, source);

    if (max == 0 || (found != NULL && found->count >= max)) {
        return false;
    }
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        if (found == NULL) {
            return false;
        }
        pyn_idmap_add(&crowd->map, &found->node, key.id, key.side);
    }
    found->count++;
    return true;
}

uint32_t pyn_crowd_count(const struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN])
{
    const struct source *found = find(crowd, source);

    return found != NULL ? found->count : 0;
}

void pyn_crowd_leave(struct pyn_crowd *crowd, const uint8_t source[PYN_CROWD_SOURCE_LEN])
{
    struct source *found = find(crowd, source);

    assert(found != NULL && found->count > 0);
    found->count--;
    if (found->count == 0) {
        pyn_idmap_remove(&crowd->map, &found->node);
        free(found);
    }
}

void pyn_crowd_fini(struct pyn_crowd *crowd)
{
    struct source *found = NULL;

    while ((found = pyn_idmap_any(&crowd->map)) != NULL) {
        pyn_idmap_remove(&crowd->map, &found->node);
        free(found);
    }
}

bool pyn_crowd_is_near(const uint8_t source[PYN_CROWD_SOURCE_LEN])
{
    static const uint8_t nowhere[PYN_CROWD_SOURCE_LEN]; /* the first half of ::1, too */
    static const uint8_t loopback[PYN_CROWD_SOURCE_LEN] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};

    return memcmp(source, nowhere, sizeof nowhere) == 0 || memcmp(source, loopback, sizeof loopback) == 0;
}
