/* The same by CMSIS-NN's fully connected layer, called as an interpreter calls it. */
#include <stddef.h>

#include "arm_nnfunctions.h"
#include "dense.h"

static int32_t sums[LAYERS][UNITS];

void cmsis_prepare(void)
{
    int l;
    for (l = 0; l < LAYERS; l++)
        arm_vector_sum_s8(sums[l], UNITS, UNITS, &weights_by_output[l][0][0], 0, 0, biases[l]);
}

static void layer(int l, const int8_t *in, int32_t least, int8_t *out)
{
    const cmsis_nn_context context = {sums[l], sizeof sums[l]};
    const cmsis_nn_fc_params parameters = {0, 0, 0, {least, 127}};
    const cmsis_nn_per_tensor_quant_params quantization = {MULTIPLIER, -SHIFT};
    const cmsis_nn_dims row = {1, 1, 1, UNITS}, filter = {UNITS, 1, 1, UNITS};
    arm_fully_connected_s8(&context, &parameters, &quantization, &row, in, &filter, &weights_by_output[l][0][0],
        &row, biases[l], &row, out);
}

void cmsis_int8(const int8_t *in, int8_t *out)
{
    int8_t hidden[UNITS];
    layer(0, in, 0, hidden);
    layer(1, hidden, -128, out);
}
