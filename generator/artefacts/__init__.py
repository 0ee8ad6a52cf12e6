"""Artefacts: scripts of measured trials, emitting them, and holding them against their trials."""
