"""What the tab of voice conversion is made of: cards of voices, the strip of codes, the live view."""
