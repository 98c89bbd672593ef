"""The cone search (Jenrungrot et al. 2020): windows of angles that a network looks into, and what is kept of them."""
