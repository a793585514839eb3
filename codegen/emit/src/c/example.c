/* {marker}
 *
 * {what}
 *
 * On a host it prints to standard output. Freestanding, where there may be no C library, it calls
 * board_put, which the board's start-up code has to have, for every character.
 */
#include "{name}.h"

#if __STDC_HOSTED__
#include <stdio.h>

static void put(char c)
{
    putchar(c);
}
#else
#ifdef __cplusplus
extern "C"
#endif
void board_put(char c);

static void put(char c)
{
    board_put(c);
}
#endif

#define ROWS 4

/* Memory is the caller's: here none of it is on the stack. */
static {name}_element rows[ROWS * {NAME}_DIM];
static float log_prob[ROWS];
static float scratch[{NAME}_SCRATCH_BYTES / sizeof(float)];
{given}
static void put_text(const char *text)
{
    while (*text != '\0')
        put(*text++);
}

/* The bits of a value in hexadecimal, as a little-endian machine has them in memory. */
static void put_bits(const void *value, size_t bytes)
{
    const unsigned char *byte = (const unsigned char *)value;
    put(' ');
    while (bytes-- > 0) {
        put("0123456789abcdef"[byte[bytes] >> 4]);
        put("0123456789abcdef"[byte[bytes] & 15]);
    }
}

int main(void)
{
    size_t i, j;

    if ({name}_selftest(rows, scratch, sizeof scratch) != {NAME}_OK) {
        put_text("selftest failed\n");
        return 1;
    }
{work}
    for (i = 0; i < ROWS; i++) {
        put_text("row");
        put_bits(&log_prob[i], sizeof log_prob[i]);
        for (j = 0; j < {NAME}_DIM; j++)
            put_bits(&rows[i * {NAME}_DIM + j], sizeof rows[0]);
        put('\n');
    }
    put_text("done\n");
    return 0;
}
