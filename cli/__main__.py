"""`python -m cli` is `diembao`."""

from cli.main import main

main()
