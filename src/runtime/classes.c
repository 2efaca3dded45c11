/* classes.c - see classes.h. */
#include "classes.h"

#include <stdlib.h>
#include <string.h>

static const char *const built_in[PYN_CLASSES_BUILT_IN] = {
    [PYN_CLASS_ANONYMOUS] = "anonymous", [PYN_CLASS_MEMBER] = "member", [PYN_CLASS_LOCAL] = "local"};

struct pyn_classes *pyn_classes_new(const struct pyn_quotas *usual)
{
    struct pyn_classes *classes = calloc(1, sizeof *classes);

    if (classes == NULL) {
        return NULL;
    }
    atomic_init(&classes->refs, 1);
    classes->strictest = *usual;
    classes->count = PYN_CLASSES_BUILT_IN;
    for (uint32_t i = 0; i < PYN_CLASSES_BUILT_IN; i++) {
        memcpy(classes->list[i].name, built_in[i], strlen(built_in[i]) + 1);
        classes->list[i].quotas = *usual;
    }
    return classes;
}

struct pyn_classes *pyn_classes_ref(struct pyn_classes *classes)
{
    atomic_fetch_add(&classes->refs, 1);
    return classes;
}

void pyn_classes_unref(struct pyn_classes *classes)
{
    if (classes != NULL && atomic_fetch_sub(&classes->refs, 1) == 1) {
        free(classes);
    }
}

/* count: there is none of that name. */
static uint32_t find(const struct pyn_classes *classes, const char *name)
{
    uint32_t at = 0;

    while (at < classes->count && strcmp(classes->list[at].name, name) != 0) {
        at++;
    }
    return at;
}

static void find_strictest(struct pyn_classes *classes)
{
    classes->strictest = classes->list[0].quotas;
    for (uint32_t i = 1; i < classes->count; i++) {
        pyn_quotas_tighten(&classes->strictest, &classes->list[i].quotas);
    }
}

pyn_status pyn_classes_put(struct pyn_classes *classes, const struct pyn_quota_class *made)
{
    uint32_t at = 0;

    if (made->name[0] == '\0' || memchr(made->name, '\0', sizeof made->name) == NULL) {
        return PYN_EARGS;
    }
    at = find(classes, made->name);
    if (at == PYN_CLASSES_MAX || (at < classes->count && at >= PYN_CLASSES_BUILT_IN)) {
        return PYN_EARGS;
    }
    classes->list[at] = *made;
    if (at == classes->count) {
        classes->count++;
    }
    classes->last = at;
    find_strictest(classes);
    return PYN_OK;
}

pyn_status pyn_classes_put_uid(struct pyn_classes *classes, uint32_t uid)
{
    for (uint32_t i = 0; i < classes->uid_count; i++) {
        if (classes->uids[i].uid == uid) {
            return PYN_EARGS;
        }
    }
    if (classes->uid_count == PYN_CLASS_UIDS_MAX) {
        return PYN_EARGS;
    }
    classes->uids[classes->uid_count].uid = uid;
    classes->uids[classes->uid_count].class = classes->last;
    classes->uid_count++;
    return PYN_OK;
}

static uint32_t class_of_uid(const struct pyn_classes *classes, uint32_t uid)
{
    for (uint32_t i = 0; i < classes->uid_count; i++) {
        if (classes->uids[i].uid == uid) {
            return classes->uids[i].class;
        }
    }
    return PYN_CLASS_LOCAL;
}

bool pyn_classes_of(const struct pyn_classes *classes, const struct pyn_arrived *who, uint32_t *out)
{
    *out = PYN_CLASS_ANONYMOUS;
    if (who->principal != NULL) {
        *out = who->principal->quota_class[0] == '\0' ? PYN_CLASS_MEMBER : find(classes, who->principal->quota_class);
        return *out < classes->count;
    }
    if (who->has_uid) {
        *out = class_of_uid(classes, who->uid);
    } else if (who->is_local) {
        *out = PYN_CLASS_LOCAL;
    }
    return true;
}

bool pyn_classes_have_root(const struct pyn_classes *classes, uint32_t class, uint32_t root)
{
    return root >= PYN_CLASS_ROOTS_MAX || (classes->list[class].kept_from >> root & 1) == 0;
}

size_t pyn_classes_message_max(const struct pyn_classes *classes)
{
    size_t most = 0;

    for (uint32_t i = 0; i < classes->count; i++) {
        if (classes->list[i].quotas.limits.message_max > most) {
            most = classes->list[i].quotas.limits.message_max;
        }
    }
    return most;
}

bool pyn_classes_limit_memory(const struct pyn_classes *classes)
{
    for (uint32_t i = 0; i < classes->count; i++) {
        if (pyn_quotas_limit_memory(&classes->list[i].quotas)) {
            return true;
        }
    }
    return false;
}

void pyn_classes_unlimit_memory(struct pyn_classes *classes)
{
    for (uint32_t i = 0; i < classes->count; i++) {
        pyn_quotas_unlimit_memory(&classes->list[i].quotas);
    }
    find_strictest(classes);
}
