"""The command line. Imports everything; nothing imports it."""

from accelfront.rooms import prefer_ours

prefer_ours()
