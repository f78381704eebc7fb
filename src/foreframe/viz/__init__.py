"""Pictures of clips and curves of runs, drawn from arrays.

Nothing here depends on models, stores or runs.
"""
