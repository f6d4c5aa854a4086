"""Evidence: reads tables of runs, trains nothing."""
