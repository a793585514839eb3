/* Start-up code of an emulated Cortex-M, or 32-bit RISC-V: where it begins, memory and the FPU; characters
 * and the end by semihosting. */
#include <stddef.h>
#include <stdint.h>

/* Of board.ld. */
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);
void board_put(char c);
void reset(void);

enum { OPEN = 0x01, WRITE = 0x05, EXIT = 0x18 };
/* OPEN's mode `w`, which with the file `:tt` is standard output. */
enum { MODE_WRITE = 4 };
/* What EXIT is told. */
enum { APPLICATION_EXIT = 0x20026, RUN_TIME_ERROR = 0x20023 };

#ifdef __riscv
static uintptr_t ask(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t a0 __asm__("a0") = operation;
    register uintptr_t a1 __asm__("a1") = argument;
    /* The three, uncompressed and on one page, are how it tells this `ebreak` from another. */
    __asm__ volatile(".balign 16\n.option push\n.option norvc\n"
                     "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop"
                     : "+r"(a0) : "r"(a1) : "memory");
    return a0;
}
#else
static uintptr_t ask(uintptr_t operation, uintptr_t argument)
{
    register uintptr_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
#endif

/* Characters go out by the line. */
void board_put(char c)
{
    static char line[256];
    static size_t length;
    line[length++] = c;
    if (c == '\n' || length == sizeof line) {
        uintptr_t open[3] = {(uintptr_t)":tt", MODE_WRITE, 3};
        uintptr_t write[3] = {ask(OPEN, (uintptr_t)open), (uintptr_t)line, length};
        ask(WRITE, (uintptr_t)write);
        length = 0;
    }
}

static void fault(void)
{
    for (;;)
        ask(EXIT, RUN_TIME_ERROR);
}

void reset(void)
{
    const uint32_t *from = data_load;
    uint32_t *to;
    /* First of all: loops may be vectors. */
#ifdef __ARM_FP
    *(volatile uint32_t *)0xe000ed88 |= UINT32_C(0xf) << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    for (to = data_start; to < data_end; to++)
        *to = *from++;
    for (to = bss_start; to < bss_end; to++)
        *to = 0;
    if (main() != 0)
        fault();
    for (;;)
        ask(EXIT, APPLICATION_EXIT);
}

#ifdef __riscv
__attribute__((naked, section(".vectors"), used)) static void start(void)
{
    __asm__("la sp, stack_top\nj reset");
}
#else
struct vectors {
    uint32_t *stack;
    void (*handlers[15])(void);
};

__attribute__((section(".vectors"), used)) static const struct vectors vectors = {
    stack_top,
    {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};
#endif
