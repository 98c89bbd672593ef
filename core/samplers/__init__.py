"""How to draw: each sampler is one function that yields an `Iterate` after every update."""
