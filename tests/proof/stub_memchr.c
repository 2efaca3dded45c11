/* memchr(), of which CBMC knows nothing: as the standard says. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *memchr(const void *bytes, int byte, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        if (at[i] == (uint8_t)byte) {
            return (void *)(at + i);
        }
    }
    return NULL;
}
