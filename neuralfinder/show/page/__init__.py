"""The page about a run: live from a small server, or as one file. It reads the record and nothing else."""
