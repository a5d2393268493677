"""The world of 2017, and what has been added to it.

    evolution   the rounds: the algorithm, with the step numbers of its text
    world       the grid of cells, and the life in each
    breeding    births by operators that have paid, the promising ones first
    surrogate   what to expect of a network before it is trained

Start with `evolution`.
"""
