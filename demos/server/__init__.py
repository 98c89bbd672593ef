"""What stands before Gradio's routes: whom the server answers, how large requests may be, where visitors' files lie."""
