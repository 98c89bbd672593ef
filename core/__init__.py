"""Resound's inference package: audio with deep generative priors. It never imports gradio."""
