"""Networks compiled with numba. Nothing imports these modules until it draws: a training machine lacks numba."""
