"""The acceleration methods: what is worth trying, what means the same, applying and undoing.

Knows diffusers pipelines and the methods' libraries; knows no Optuna and no database.
"""
