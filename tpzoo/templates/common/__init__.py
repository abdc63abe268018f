"""my_entry: a MY_KIND for tpzoo."""
