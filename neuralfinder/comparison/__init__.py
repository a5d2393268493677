"""Strategies and hand-made networks side by side on one task: trainings, table, verdict, methods."""
