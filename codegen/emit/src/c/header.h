/* {marker}
 *
{about_c}
 *
 * Functions allocate nothing, keep nothing between calls, cannot panic, and may be called from any number
 * of threads and interrupts at once, each with memory of its own. They return {NAME}_OK, or what
 * else {name}_status says. What they write must not overlap anything else that they are given, and need
 * not be initialised. The weights are {weights} bytes, which stay in flash.
 *
 * Bits are the same on every processor while arithmetic is that of IEEE 754: round to nearest, subnormal
 * numbers kept. A program compiled with -ffast-math may change that when it starts; {name}_selftest
 * finds out.
 */
#ifndef {NAME}_H
#define {NAME}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Values in a row. */
#define {NAME}_DIM {dim}
/** Floats in a context, what a row is given; 0 for a model that takes none. */
#define {NAME}_CONTEXT {context}
/** Bytes of scratch that one row takes; it serves any number of rows, one after another. */
#define {NAME}_SCRATCH_BYTES {scratch}
/** What the address of scratch, as of any floats, is a multiple of. */
#define {NAME}_SCRATCH_ALIGN 4
/** Bytes of flash that the model takes, at most: weights, tables, code on a Cortex-M4F. */
#define {NAME}_FLASH_BYTES {flash}
/** CRC-32 of the model file. */
#define {NAME}_MODEL_CHECKSUM UINT32_C(0x{checksum})
{columns}
/** {element_doc} Rows are {NAME}_DIM of these, one after another. */
typedef {element} {name}_element;

/** What functions return: 0 or more when they ran, less for arguments that cannot be; nothing is written then. */
enum {name}_status {
    {NAME}_OK = 0,
    /** A draw overflowed: its log-probability is NaN. All rows were written. */
    {NAME}_NOT_FINITE = 1,
    /** This processor, or this thread, computes other bits. */
    {NAME}_DIFFERENT = 2,
    /** A pointer to something is NULL. */
    {NAME}_NULL = -1,
    /** An address is not a multiple of its elements' size. */
    {NAME}_ALIGNMENT = -2,
    /** There is no memory for so many rows. */
    {NAME}_LENGTH = -3,
    /** What is written overlaps something else. */
    {NAME}_OVERLAP = -4,
    /** Less scratch than {NAME}_SCRATCH_BYTES. */
    {NAME}_SCRATCH = -5,
    /** The contexts are neither 1 nor n. */
    {NAME}_CONTEXTS = -6
};
{sample_h}
/**
 * The natural logarithm of the probability, or of the density, of each of n rows (nats): -INFINITY for a
 * row that the model cannot draw.
 *{context_doc}
 * rows: n * {NAME}_DIM values, row after row.
 * log_prob: n floats.
 * scratch: at least {NAME}_SCRATCH_BYTES; {name}_scratch_bytes(n) is quickest.
 */
int {name}_log_prob(size_t n,{parameters_c}
    const {name}_element *rows, float *log_prob, void *scratch, size_t scratch_bytes);

/** Bytes of scratch with which calls on n rows are quickest; bits do not depend on it. */
size_t {name}_scratch_bytes(size_t n);

/**
 * Computes the rows that the model file carries and compares every bit: {NAME}_OK or {NAME}_DIFFERENT.
 *
 * row: {NAME}_DIM values, to work on.
 * scratch: at least {NAME}_SCRATCH_BYTES.
 */
int {name}_selftest({name}_element *row, void *scratch, size_t scratch_bytes);

#ifdef __cplusplus
}
#endif

#endif
