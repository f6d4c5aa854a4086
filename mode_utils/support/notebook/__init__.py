"""Execute a notebook and show it: what sweeps and the commands of a repair share."""
