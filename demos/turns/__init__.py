"""Whose turn it is: who runs, who waits and for about how long; nothing of it knows Gradio."""
