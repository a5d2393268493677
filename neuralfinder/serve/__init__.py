"""A finished model as a small HTTP server.

    server       what is asked and answered: predictions, health, version, and a page (`page.html`) to try it by hand
    reading      the body of a request -> samples, within limits; who is refused is told why
    batching     samples of requests that come together -> one forward pass, in the one thread that computes

It gives what `Model` gives, and knows nothing of searches and records. Who is let in is decided by `show/gate.py`, as
for the page about a run. Start with `server`.
"""
