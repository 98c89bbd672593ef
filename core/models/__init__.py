"""Networks only, one family per file: tensors in, tensors out."""
