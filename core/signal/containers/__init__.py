"""What files say of the sound in them, and where they err: a `Layout` tells a decoder how to read all of it."""
