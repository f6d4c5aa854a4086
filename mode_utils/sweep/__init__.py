"""Execute a notebook over a grid of parameters, in parallel: a grid file in, tables and figures out.

Results go to notebooks/executed/<sweep>/<cell>/ and are complete or absent: a sweep can be killed at any time and
continues with the same command, which runs only what is missing, has failed or is out of date. What a grid file says,
and how a sweep runs on many machines, is described in docs/sweeps.md.

Exit status: 0 complete; 1 cells or the report failed; 2 bad input; 3 no room or no permission;
4 an error that was not foreseen, whose traceback is kept; 130 interrupted.
"""
