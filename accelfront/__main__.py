"""`python -m accelfront`."""

from accelfront.cli.app import main

main()
