    for (i = 0; i < ROWS * {NAME}_DIM; i++)
        rows[i] = 0;
    if ({name}_log_prob(ROWS, {arguments_c}rows, log_prob, scratch, sizeof scratch) != {NAME}_OK) {
        put_text("log_prob failed\n");
        return 1;
    }
