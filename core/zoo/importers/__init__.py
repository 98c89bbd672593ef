"""Readers of the original systems' checkpoints, safely: tensors and numbers only, never code. One file a system."""
