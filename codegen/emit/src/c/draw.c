    if ({name}_sample(7, 0, ROWS, {arguments_c}rows, log_prob, scratch, sizeof scratch) != {NAME}_OK) {
        put_text("sample failed\n");
        return 1;
    }
