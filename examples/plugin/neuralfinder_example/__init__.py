"""One of each thing that a package can bring to NeuralFinder."""
