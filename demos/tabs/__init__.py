"""One file for each tab: widgets in, a core.tasks call, widgets out."""
