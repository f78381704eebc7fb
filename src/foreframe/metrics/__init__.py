"""Figures of merit on tensors of pictures. They know nothing of models, stores or protocols."""
