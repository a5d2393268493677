"""Asks, records, trains elsewhere, records, tells: knows no data and no torch."""
