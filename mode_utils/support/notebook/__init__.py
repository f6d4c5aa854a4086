"""Execute a notebook and show it: what sweeps and the commands of a repair share.

parameters    what a notebook declares, and whether values fit
values        what a value that is written means for a parameter
command_line  options of a command, from the parameters of its notebook
shell         one notebook in this process
kernels       one notebook in a kernel that is watched
warm          kernels that are forked from a process that has imported what they need
orphans       kernels whose worker is gone
page          a notebook as one HTML page
"""
