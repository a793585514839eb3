
/* What the rows are given: one context for all of them. */
static const float context[{NAME}_CONTEXT] = {0};
