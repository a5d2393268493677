"""A run to look at: tables, lineage, terminal, page.

    report      tables and lines about a run
    lineage     how a network came about
    terminal    a run while it goes on, on a terminal and in a file
    page        the page about a run, live and as one file
    trackers    callbacks that tell TensorBoard and MLflow of a run

It reads records and the status of a run, and writes nothing into a run folder but the report it is asked for. It
needs no torch. Start with `report`.
"""
