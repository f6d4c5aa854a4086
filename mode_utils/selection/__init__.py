"""Who gets how many new samples, and which are wanted: the parts of `input_selection`.

schedule    which fault is repaired next, and how much each label needs
allocation  which labels the batch goes to, and how many samples each gets
candidates  what a selector may look at
outputs     sources of outputs
model_outputs  outputs of a Keras model
view        looking at candidates
pool_scan   one look at a whole pool
next_batch  the next batch, and what is known of the pool
selectors   what makes a sample wanted
reference   label probabilities from a reference model
screening   what is skipped in a ranking: copies, foreign samples, labels in doubt
peers       selectors of other libraries
pool        the bug-fixing pool, and how a batch is drawn from it
replay      old samples beside the new ones
"""
