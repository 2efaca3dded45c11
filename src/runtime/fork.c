/* fork.c - see fork.h. */
#include "fork.h"

#include <pthread.h>
#include <stddef.h>

unsigned pyn_forks;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct pyn_keepsake *keepsakes;

/* No other thread is in the middle of the list when the process is copied. */
static void before(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    (void)pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    struct pyn_keepsake *next = NULL;

    pyn_forks++; /* the child's only thread */
    for (struct pyn_keepsake *at = keepsakes; at != NULL; at = next) {
        next = at->next;
        at->next = at->before = NULL;
        at->drop(at);
        at->drop = NULL;
    }
    keepsakes = NULL;
    (void)pthread_mutex_unlock(&lock);
}

/* When the library is loaded: no fork is missed, and nobody has to ask whether this was done. */
__attribute__((constructor)) static void watch(void)
{
    (void)pthread_atfork(before, in_parent, in_child);
}

void pyn_keepsake_enter(struct pyn_keepsake *keepsake, void (*drop)(struct pyn_keepsake *keepsake))
{
    (void)pthread_mutex_lock(&lock);
    keepsake->drop = drop;
    keepsake->before = NULL;
    keepsake->next = keepsakes;
    if (keepsakes != NULL) {
        keepsakes->before = keepsake;
    }
    keepsakes = keepsake;
    (void)pthread_mutex_unlock(&lock);
}

void pyn_keepsake_leave(struct pyn_keepsake *keepsake)
{
    (void)pthread_mutex_lock(&lock);
    if (keepsake->drop != NULL) {
        if (keepsake->before != NULL) {
            keepsake->before->next = keepsake->next;
        } else {
            keepsakes = keepsake->next;
        }
        if (keepsake->next != NULL) {
            keepsake->next->before = keepsake->before;
        }
        keepsake->drop = NULL;
    }
    (void)pthread_mutex_unlock(&lock);
}
