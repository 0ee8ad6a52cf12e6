"""The acceleration methods: the values worth trying, equal points, applying and undoing.

Knows diffusers pipelines and the methods' libraries, but no Optuna and no database.
"""
