"""Recipes: settings to train with. One YAML file each, found by its name."""
