"""The parts of a choice: which labels get how many new samples, and which samples are wanted.

next_batch     the next batch, and what is known of the pool
schedule       which fault is served next, and how much each label needs
allocation     which labels the batch goes to, and how many samples each gets
source         where outputs come from
model_outputs  the outputs of a Keras model
pool_scan      one look at a whole pool
reference      label probabilities from a reference model
candidates     what is known of the samples that may be chosen
view           looking at candidates
selectors      what makes a sample wanted
peers          selectors of other libraries
screening      what is skipped in a ranking: copies, foreign samples, labels in doubt
pool           the bug-fixing pool, and how a batch is drawn from it
replay         old samples beside the new ones
"""
