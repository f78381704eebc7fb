"""Building blocks of models, and what models require of their clips."""
