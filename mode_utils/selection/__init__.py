"""The parts of a choice: which labels get how many new samples, and which samples are wanted."""
