"""``python -m tpzoo``: the command line."""

from tpzoo.cli import main

main(prog_name="tpzoo")
