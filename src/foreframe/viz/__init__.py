"""Pictures of clips and curves of runs.

They take arrays, and know nothing of models, stores or runs.
"""
