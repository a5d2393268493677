"""Asks, records, trains elsewhere, records, tells.

    loop            ask the strategy, record, hand out, record what came back, tell the strategy
    events          one frozen class for each kind of event: the only place that knows names and fields
    record          the journal in SQLite: one writer, any number of readers
    events          one class a kind of event: the names and fields of what the journal holds
    archive         every genome ever scored, best first
    early_stopping  how far a training must have come to go on
    executors       where candidates are trained; `process_executor`: in several processes of this machine;
                    `ray_executor`: on a cluster

It gives a record, from which everything else about a run can be told, and from which a killed search is replayed. It
knows no data and no torch: what trains a candidate is a function that it is given. Start with `loop`.
"""
