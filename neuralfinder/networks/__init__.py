"""A network on paper: no torch, no data.

The genome and its forms, what it costs, how it is varied, and the spaces of networks that a search may propose.
"""
