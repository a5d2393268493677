"""All of torch: genome -> trained network -> model.

    recipes      how networks are trained: frozen values, free of torch for those who plan
    batches      samples on the device, made smaller and normalised as whole tensors
    augmentation random changes of them while training: shifted, turned, mirrored, lit, mixed; a piece of a text
    build        genome -> torch network; convolution: the layer that small maps train faster; bag: n-grams beside it
    inheritance  what a child takes over from the weights of its parents
    optimizers   how weights are updated
    clock        until when a training may go on, and the steps that it and its looks take
    metrics      how good answers are: what a search maximises, free of torch
    train        the training loop, top to bottom; trunk: what is kept of it, so that it can go on
    evaluate     Candidate -> Result; failures are results
    weights      weights on disk, with a check sum; files: what is written whole or not at all
    machine      how fast this machine trains; memory: how much of it there is; threads: how many pay there
    model        the trained network that answers in the user's labels; model_files: what is saved of it, and back
    export       the model in forms that run without this package, and the proof that they do
    predict      a model's answers about files

It gives results and models, and knows no strategy, no record and no minutes but those it is told. Start with `train`.
"""
