"""Reads records and the status of a run and shows them; writes nothing into a run."""
