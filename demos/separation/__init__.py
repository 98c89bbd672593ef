"""What the separation tab is made of: its widgets and examples, the method that draws codes, what is seen of it."""
