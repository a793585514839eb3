/* One dense network, 64-64-64 with rectified units between, several times over. A pass of each takes 2 * 64 * 64
 * multiply-adds. */
#ifndef DENSE_H
#define DENSE_H

#include <stdint.h>

#define UNITS 64
#define LAYERS 2
/* A sum of products is the unit that a byte holds by this multiplier, of 2^-31, and a shift to the right. */
#define MULTIPLIER 1518500250
#define SHIFT 8

/* Weights and biases, from ours: [layer][input][output], and [layer][output][input]. */
extern const int8_t weights_by_input[LAYERS][UNITS][UNITS], weights_by_output[LAYERS][UNITS][UNITS];
extern const int32_t biases[LAYERS][UNITS];
extern const float float_weights[LAYERS][UNITS][UNITS], float_biases[LAYERS][UNITS];

/* The passes; what they read and write is memory of main.c. */
void ours_int8(const int8_t *in, int8_t *out);
void ours_float(const float *in, float *out);
void loops_int8(const int8_t *in, int8_t *out);
void loops_float(const float *in, float *out);
void cmsis_int8(const int8_t *in, int8_t *out);
/* What it computes once, before any pass. */
void cmsis_prepare(void);

#endif
