"""Choose from a user's pool, by a model or by its outputs alone.

choice         a case and its pool, what is wrong with the model, and the table of what is chosen
given_outputs  outputs that are given as arrays
sharded_pool   a pool in shards, as arrays that are read row by row, and looked at on many cores
pool_faults    doubtful labels, copies, foreign samples
mapped_pool    the pool as a map
"""
