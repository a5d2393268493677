"""A run to look at: tables, lineage, terminal, page.

    report      tables and lines about a run; fates: what became of every network, also of those without a score;
                side_by_side: some of them beside each other; words: what genomes and names mean
    mistakes    what the winner took for what, and the list of what it had wrong
    runs        the runs of a folder
    card        the model card: what a winner is for, how good it is and how it is run
    learning_curve
                what twice as many data would bring
    lineage     how a network came about
    predictions a model's answers as a table, CSV, JSON or Parquet
    terminal    a run while it goes on, on a terminal and in a file; listeners: standard output that nobody takes
    page        the page about a run, live and as one file
    gate        the way into a small server, for the page and for `serve`; connections: how long it waits for whom
    trackers    callbacks that tell TensorBoard and MLflow of a run

It reads records and the status of a run, and writes nothing into a run folder but report and card. It
needs no torch. Start with `report`.
"""
