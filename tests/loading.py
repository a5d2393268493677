"""Data sets for tests."""

from __future__ import annotations

from neuralfinder.data import source_of


def load(given, scratch=None, progress=None, **options):
    """The data set that a user names."""
    return source_of(given, **options).load(scratch, progress)


def fingerprint(given, **options):
    """Its identity, without loading."""
    return source_of(given, **options).fingerprint()
