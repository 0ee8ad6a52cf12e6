"""Artefacts: scripts of measured trials, writing them, and checking them against their trials."""
