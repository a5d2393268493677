"""A network on paper: no torch, no data.

    genome      the genes, and the genome with its short text, the identity of a network; `parse` reads it
    recipe_genes  what a genome's training has otherwise than the task's recipe
    forms       the genome as JSON, and as the tuples of 2017
    drawing     a network drawn, and the card on which a notebook shows it
    cost        parameters, multiply-adds, shapes and predicted seconds of a genome
    rules       rules of thumb: families of networks by hand, from the width of the first layer
    portfolio   networks made by hand that a search begins with
    space       all that an algorithm may know of a set of networks
    canonical   which genomes build the same network
    sampling    all that is drawn of a space of chains: genes to insert, whole networks, founders
    chains      the space of chain networks for a task: what is legal in it, and what is next to what
    expectation  how good networks will be on a task, by trainings on others and by what was seen of them so far
    experience  such trainings, as the package ships them and as finished runs leave them
    tabular     the spaces of tabular benchmarks, whose networks others have trained
    variation   copy, cross, mutate, small steps, distance

Everything here is a frozen value or a pure function; chance comes in as a generator that is handed over. Start with
`genome`.
"""
