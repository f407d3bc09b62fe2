"""`python -m escalera` is the command line."""

from escalera.apps.cli.main import main

main()
