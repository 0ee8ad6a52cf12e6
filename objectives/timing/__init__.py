"""Timing: the device, who sets its pace, and what interferes."""
