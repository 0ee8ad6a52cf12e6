"""Timing: the device, its host-bound share, and what interferes."""
