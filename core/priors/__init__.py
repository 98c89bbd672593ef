"""What audio sounds like: a score at every noise level, over a model."""
