"""Building blocks of models, and checks of what a model requires of its clips."""
