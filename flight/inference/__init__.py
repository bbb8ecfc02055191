"""Inference on board: conversations, the model that is served, and the worker that serves it."""
