"""Recipes of the example package."""
