"""The world of 2017 and what has been added to it: evolution, its grid, its births, and what it expects of them."""
