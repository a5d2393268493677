"""All of torch: recipes, batches on the device, genome -> network -> trained weights -> model.

`recipes` alone is free of torch, for those who plan.
"""
