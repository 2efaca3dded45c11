/* marks.c - where callgrind's counts are to be taken: what was counted is written down, and counting begins anew. */
#include <valgrind/callgrind.h>

void mark(void);

void mark(void)
{
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS;
}
