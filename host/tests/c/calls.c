/* What a library refuses, and that rows do not depend on how they are asked for. LOWER, UPPER and HEADER are
 * the model's name and its header. */
#include HEADER

#if __STDC_HOSTED__
#include <stdio.h>
#define put putchar
/* As many as the widest tile takes. */
#define TILE 64
#else
#ifdef __cplusplus
extern "C"
#endif
void board_put(char c);
#define put board_put
#define TILE 1
#endif

#define JOINED(a, b) a##b
#define JOIN(a, b) JOINED(a, b)
#define LIBRARY(name) JOIN(LOWER, _##name)
#define CONSTANT(name) JOIN(UPPER, _##name)

#if CONSTANT(CONTEXT) > 0
#define GIVEN(context, contexts) context, contexts,
#else
#define GIVEN(context, contexts)
#endif

#define N 21
#define DIM CONSTANT(DIM)
#define SEED UINT64_C(0x123456789abcdef)
/* The third row begins another page of 2^32 samples. */
#define FIRST UINT64_C(0xfffffffe)

typedef LIBRARY(element) element;

static element rows[N * DIM], again[N * DIM];
static float log_prob[N], log_prob_again[N];
static float scratch[TILE * CONSTANT(SCRATCH_BYTES) / sizeof(float)];
static float context[N * CONSTANT(CONTEXT) + 1];

static int is_same(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    while (bytes-- > 0)
        if (*x++ != *y++)
            return 0;
    return 1;
}

static void fill(void *to, size_t bytes, unsigned char with)
{
    volatile unsigned char *byte = (volatile unsigned char *)to;
    while (bytes-- > 0)
        *byte++ = with;
}

static int failed(int line)
{
    const char *text = "failed at line ";
    while (*text != '\0')
        put(*text++);
    put((char)('0' + line / 100));
    put((char)('0' + line / 10 % 10));
    put((char)('0' + line % 10));
    put('\n');
    return 1;
}

#define EXPECT(condition) \
    do { \
        if (!(condition)) \
            return failed(__LINE__); \
    } while (0)

#define SAMPLE(first, n, context, contexts, rows, out, scratch, bytes) \
    LIBRARY(sample)(SEED, first, n, GIVEN(context, contexts) rows, out, scratch, bytes)
#define LOG_PROB(n, context, contexts, rows, out, scratch, bytes) \
    LIBRARY(log_prob)(n, GIVEN(context, contexts) rows, out, scratch, bytes)
#define ONE CONSTANT(SCRATCH_BYTES)
#define IS(code) == JOIN(UPPER, _##code)

static int bits(void)
{
    size_t i;
    const size_t most = LIBRARY(scratch_bytes)(N);
    EXPECT(LIBRARY(scratch_bytes)(0) == ONE && most >= ONE && most <= sizeof scratch);

    /* Many at once and one by one, each given another context. */
    EXPECT(SAMPLE(FIRST, N, context, N, rows, log_prob, scratch, most) IS(OK));
    fill(again, sizeof again, 0x55);
    for (i = 0; i < N; i++)
        EXPECT(SAMPLE(FIRST + i, 1, context + i * CONSTANT(CONTEXT), 1, again + i * DIM, &log_prob_again[i], scratch,
                   ONE) IS(OK));
    EXPECT(is_same(rows, again, sizeof rows) && is_same(log_prob, log_prob_again, sizeof log_prob));

    /* More scratch than is used, and no log-probabilities. */
    fill(again, sizeof again, 0x55);
    EXPECT(SAMPLE(FIRST, N, context, N, again, NULL, scratch, sizeof scratch) IS(OK));
    EXPECT(is_same(rows, again, sizeof rows));

    /* Scores. */
    EXPECT(LOG_PROB(N, context, N, rows, log_prob, scratch, most) IS(OK));
    for (i = 0; i < N; i++)
        EXPECT(LOG_PROB(1, context + i * CONSTANT(CONTEXT), 1, rows + i * DIM, &log_prob_again[i], scratch, ONE) IS(OK));
    EXPECT(is_same(log_prob, log_prob_again, sizeof log_prob));

    /* One context for all; the stream is a circle. */
    EXPECT(SAMPLE(UINT64_MAX, 2, context, 1, rows, NULL, scratch, most) IS(OK));
    EXPECT(SAMPLE(0, 1, context, 1, again, NULL, scratch, ONE) IS(OK));
    EXPECT(is_same(rows + DIM, again, DIM * sizeof *rows) && !is_same(rows, again, DIM * sizeof *rows));

    EXPECT(LIBRARY(selftest)(rows, scratch, ONE) IS(OK));
    return 0;
}

static int refusals(void)
{
    char *const bytes = (char *)scratch;
    fill(rows, sizeof rows, 0x55);
    fill(again, sizeof again, 0x55);

    EXPECT(SAMPLE(0, N, context, 1, NULL, NULL, scratch, ONE) IS(NULL));
    EXPECT(SAMPLE(0, N, context, 1, rows, NULL, NULL, ONE) IS(NULL));
    EXPECT(SAMPLE(0, N, context, 1, rows, NULL, bytes + 2, ONE) IS(ALIGNMENT));
    EXPECT(SAMPLE(0, N, context, 1, rows, (float *)(void *)(bytes + 1), log_prob, ONE) IS(ALIGNMENT));
    EXPECT(SAMPLE(0, N, context, 1, rows, NULL, scratch, ONE - 1) IS(SCRATCH));
    EXPECT(SAMPLE(0, N, context, 1, rows, NULL, scratch, 0) IS(SCRATCH));
    EXPECT(SAMPLE(0, SIZE_MAX, context, 1, rows, NULL, scratch, ONE) IS(LENGTH));
    EXPECT(SAMPLE(0, SIZE_MAX / sizeof(element) / DIM, context, 1, rows, NULL, scratch, ONE) IS(LENGTH));
    EXPECT(SAMPLE(0, N, context, 1, rows, scratch, scratch, ONE) IS(OVERLAP));
    EXPECT(SAMPLE(0, N, context, 1, (element *)(void *)scratch, NULL, scratch, ONE) IS(OVERLAP));
    EXPECT(LOG_PROB(N, context, 1, rows, NULL, scratch, ONE) IS(NULL));
    EXPECT(LOG_PROB(N, context, 1, NULL, log_prob, scratch, ONE) IS(NULL));
    EXPECT(LOG_PROB(N, context, 1, rows, (float *)(void *)(bytes + 1), log_prob, ONE) IS(ALIGNMENT));
    EXPECT(LOG_PROB(N, context, 1, (element *)(void *)scratch, log_prob, scratch, ONE) IS(OVERLAP));
    EXPECT(LIBRARY(selftest)(NULL, scratch, ONE) IS(NULL));
    EXPECT(LIBRARY(selftest)(rows, scratch, ONE - 1) IS(SCRATCH));
#if CONSTANT(CONTEXT) > 0
    EXPECT(SAMPLE(0, N, context, 2, rows, NULL, scratch, ONE) IS(CONTEXTS));
    EXPECT(SAMPLE(0, N, context, 0, rows, NULL, scratch, ONE) IS(CONTEXTS));
    EXPECT(SAMPLE(0, N, NULL, 1, rows, NULL, scratch, ONE) IS(NULL));
    EXPECT(SAMPLE(0, N, scratch, 1, rows, NULL, scratch, ONE) IS(OVERLAP));
#endif
    /* Nothing was written. */
    EXPECT(is_same(rows, again, sizeof rows));

    /* Of no rows nothing is asked. */
    EXPECT(SAMPLE(0, 0, context, 1, NULL, NULL, scratch, ONE) IS(OK));
    EXPECT(LOG_PROB(0, context, 1, NULL, NULL, scratch, ONE) IS(OK));
    return 0;
}

int main(void)
{
    const char *text = "calls ok\n";
    size_t i;
    for (i = 0; i < sizeof context / sizeof *context; i++)
        context[i] = 0.25f * (float)(i % 9) - 1.0f;
    if (bits() != 0 || refusals() != 0)
        return 1;
    while (*text != '\0')
        put(*text++);
    return 0;
}
