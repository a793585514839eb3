
/**
 * Draws samples first, first + 1, ... of the stream `seed`. A sample depends on the model, its seed and its
 * index, and on nothing else: not on n, the thread or the processor.
 *{context_doc}
 * rows: n * {NAME}_DIM values, row after row.
 * log_prob: n floats for the natural logarithm of each row's probability or density (nats), along the path
 *     of the draw; NULL if not wanted.
 * scratch: at least {NAME}_SCRATCH_BYTES; {name}_scratch_bytes(n) is quickest.
 */
int {name}_sample(uint64_t seed, uint64_t first, size_t n,{parameters_c}
    {name}_element *rows, float *log_prob, void *scratch, size_t scratch_bytes);
