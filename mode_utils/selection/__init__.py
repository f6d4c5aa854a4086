"""Who gets how many new samples, and which are wanted: the parts of `input_selection.select_inputs`.

schedule    which fault is repaired next, and how much each label needs
allocation  which labels the batch goes to, and how many samples each gets
candidates  what a selector may look at
view        looking at it through a model
selectors   what makes a sample wanted
reference   what somebody else believes of the labels
screening   what is skipped in a ranking: copies, foreign samples, labels in doubt
peers       selectors of other libraries
pool        the bug-fixing pool, and how a batch is drawn from it
replay      old samples beside the new ones
"""
