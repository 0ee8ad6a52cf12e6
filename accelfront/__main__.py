"""`python -m accelfront`."""

from accelfront.cli import main

main()
