"""Resound's inference package: audio with deep generative priors. It never imports gradio."""

import os

# Before torch is imported: OpenMP threads that spin while they wait make a busy two-core machine ten times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
