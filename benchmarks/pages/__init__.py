"""What pages show: the pictures of the README, the tables of sweeps."""
