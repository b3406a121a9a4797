"""`python -m slabdes` is the command line."""

from slabdes.cli import main

main()
