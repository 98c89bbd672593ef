"""The page: what all tabs share, what each of them shows, and the API beside them."""
