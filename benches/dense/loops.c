/* Plain loops over constant arrays, as emlearn has them: for each output over all inputs, weights by inputs.
 * Sums begin at the bias, which it adds at the end, so that bits can be compared. */
#include "dense.h"

/* The byte of a sum: rounded to nearest at 31 bits and again at the shift, halves away from zero there. */
static int8_t unit(int32_t sum, int32_t least)
{
    const int32_t high = (int32_t)(((int64_t)sum * MULTIPLIER + (1 << 30)) >> 31);
    const int32_t rest = high & ((1 << SHIFT) - 1), half = (1 << (SHIFT - 1)) - 1 + (high < 0);
    const int32_t value = (high >> SHIFT) + (rest > half);
    return (int8_t)(value < least ? least : value > 127 ? 127 : value);
}

void loops_int8(const int8_t *in, int8_t *out)
{
    int8_t hidden[UNITS];
    int l, i, o;
    for (l = 0; l < LAYERS; l++) {
        const int8_t *from = l == 0 ? in : hidden;
        int8_t *to = l == 0 ? hidden : out;
        for (o = 0; o < UNITS; o++) {
            int32_t sum = biases[l][o];
            for (i = 0; i < UNITS; i++)
                sum += weights_by_input[l][i][o] * from[i];
            to[o] = unit(sum, l == 0 ? 0 : -128);
        }
    }
}

void loops_float(const float *in, float *out)
{
    float hidden[UNITS];
    int l, i, o;
    for (l = 0; l < LAYERS; l++) {
        const float *from = l == 0 ? in : hidden;
        float *to = l == 0 ? hidden : out;
        for (o = 0; o < UNITS; o++) {
            float sum = float_biases[l][o];
            for (i = 0; i < UNITS; i++)
                sum += float_weights[l][i][o] * from[i];
            to[o] = l == 0 && !(sum > 0.0f) ? 0.0f : sum;
        }
    }
}
