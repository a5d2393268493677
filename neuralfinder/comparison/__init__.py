"""Strategies and networks by hand side by side, on one task.

    pages       a comparison from beginning to end, and the files it leaves
    compare     all methods on the same data, minutes and seeds: the record of their trainings
    by_hand     one network, of whatever kind, in the same minutes
    terms       what a network by rule may be as large as: data, minutes and machine
    verdict     differences and noise: table, plot, words
    published   the figures of the papers
    references  networks by hand and found ones, one file a family

It gives a folder with tables and plots. Start with `pages`.
"""
