"""Checks of the recorded goldens: one module per system, named as its folder.

A module has

- `GROUPS`: prefix of names -> function(folder) that yields a `Check` per golden. `folder` is the system's
  folder, names are relative to the group. Only the groups that `--only` can match are run, so give each
  expensive run or model a group of its own; `""` is a group of everything that stands directly in the system.
- `INPUTS` (optional): names, group included, of arrays that a golden file holds beside its results.
"""
