"""One file per user-level job: puts prior, observation and sampler together. Clips and numbers in, progress out."""
