/* fork.c - see fork.h. */
#include "fork.h"

#include <pthread.h>

static unsigned forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count(void)
{
    forks++; /* the child's only thread */
}

static void watch(void)
{
    (void)pthread_atfork(NULL, NULL, count);
}

unsigned pyn_fork_count(void)
{
    (void)pthread_once(&once, watch);
    return forks;
}
