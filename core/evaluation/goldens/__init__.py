"""Checks of the recorded goldens: one module per system, named as its folder.

What a recording says wins: sizes, names and numbers of things are those of its arrays and files, never those of one
recording that is at hand. A module has

- `groups(folder)`: prefix of names -> function(folder) that yields a `Check` per golden. `folder` is the system's
  folder, names are relative to the group. Only the groups that `--only` can match are run, so give each
  expensive run or model of the folder a group of its own; `""` is a group of everything that stands directly in the
  system.
- `INPUTS` (optional): names, group included, of arrays that a golden file holds beside its results; `*` stands for
  any characters.
"""
