"""Minutes and data -> model: settings, the plan, the stations of a run, and the figures about its outcome."""
