"""Minutes and data -> model.

    settings    everything that can be set, in one table; presets: bundles of them; factories: what they make
    plan        every number of a run, in stages; planner: how they follow from minutes, data and measured machine
    forecast    what will take how long, and how long that leaves: every answer about the time of a run
    past_runs   the experience that a run begins with, and the networks of an earlier run
    prepare     data -> parts, and what all trainings on them share
    run         one run from data to model: the order of the stations; workers: who trains candidates
    finish      finalists -> winner; race: all train on, the worse half leaves; team: others of the winner's kind, to
                answer with it; trainer: each training once, recorded
    figures     the one look at the test part; calibration: how far its probabilities can be trusted
    baselines   what the winner must beat; pretrained: a network that others trained, beside it; backbone: that network
    outcome     what `result.json` holds, and its writing; verdict: what it says in words
    answers     what the winner takes for what, how sure it was, and some of what it had right and wrong
    handing_over  the winner in other forms, tried on samples of the run's data
    reopened    a finished run for more trainings of its winner; ablation: what each of its genes is worth; enough: what
                it reaches with shares of the data
    status      what a run is doing right now
    callbacks   the user's callables, told each event; interrupts: Ctrl-C, once and twice; mending: what a run that is
                called again finds spoilt or gone

It gives a run folder: the record, `result.json` and the model. It prints nothing: what it says goes into record and
status, and `show` draws it. Start with `run`.
"""
