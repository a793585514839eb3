/* Counts the instructions of a pass of each network by the board's clock, and compares what they compute. */
#include <stddef.h>
#include <stdint.h>

#include "dense.h"

void board_put(char c);

#ifdef __riscv
static void start_clock(void) {}

static uint32_t now(void)
{
    uint32_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}
#define MOST UINT32_MAX
#else
/* SysTick counts 24 bits down: enough for one pass. */
#define SYSTICK ((volatile uint32_t *)0xe000e010)
#define MOST UINT32_C(0xffffff)

static void start_clock(void)
{
    SYSTICK[1] = MOST;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;
}

static uint32_t now(void) { return MOST - SYSTICK[2]; }
#endif

static int8_t bytes[UNITS], bytes_out[UNITS], bytes_expected[UNITS];
static float floats[UNITS], floats_out[UNITS], floats_expected[UNITS];

static void pass_nothing(void) {}
static void pass_loops_int8(void) { loops_int8(bytes, bytes_out); }
static void pass_ours_int8(void) { ours_int8(bytes, bytes_out); }
static void pass_loops_float(void) { loops_float(floats, floats_out); }
static void pass_ours_float(void) { ours_float(floats, floats_out); }
static void pass_cmsis_int8(void) { cmsis_int8(bytes, bytes_out); }

static void put_text(const char *text)
{
    while (*text != '\0')
        board_put(*text++);
}

static void put_number(uint32_t number)
{
    if (number >= 10)
        put_number(number / 10);
    board_put((char)('0' + number % 10));
}

static uint32_t ticks(void (*pass)(void))
{
    const uint32_t start = now();
    pass();
    return (now() - start) & MOST;
}

static int same(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;
    while (bytes-- > 0)
        if (*x++ != *y++)
            return 0;
    return 1;
}

static void count(const char *name, void (*pass)(void))
{
    const uint32_t nothing = ticks(pass_nothing), found = ticks(pass);
    put_text(name);
    board_put(' ');
    put_number((uint32_t)((uint64_t)(found - nothing) * PER_TICK_N / PER_TICK_D));
    board_put('\n');
}

int main(void)
{
    int i;
    for (i = 0; i < UNITS; i++) {
        bytes[i] = (int8_t)(i * 37 % 255 - 127);
        floats[i] = (float)bytes[i] / 64.0f;
    }
    start_clock();
    cmsis_prepare();

    count("loops_int8", pass_loops_int8);
    for (i = 0; i < UNITS; i++)
        bytes_expected[i] = bytes_out[i];
    count("cmsis_int8", pass_cmsis_int8);
    if (!same(bytes_out, bytes_expected, sizeof bytes_out)) {
        put_text("cmsis_int8 differs\n");
        return 1;
    }
    count("ours_int8", pass_ours_int8);
    if (!same(bytes_out, bytes_expected, sizeof bytes_out)) {
        put_text("ours_int8 differs\n");
        return 1;
    }
    count("loops_float", pass_loops_float);
    for (i = 0; i < UNITS; i++)
        floats_expected[i] = floats_out[i];
    count("ours_float", pass_ours_float);
    if (!same(floats_out, floats_expected, sizeof floats_out)) {
        put_text("ours_float differs\n");
        return 1;
    }
    put_text("done\n");
    return 0;
}
