"""A way of training."""

from __future__ import annotations

from neuralfinder.training.recipes import Recipe

BRIEF = Recipe(name="brief", epochs=5, batch_size=64, learning_rate=0.01, optimizer="adam", longest=10)
