"""Execute a notebook over a grid of parameters, in parallel: a grid file in, tables and figures out.

A grid file, such as notebooks/sweeps/metrics.yml (the sweep's name is the file's stem):

  notebook: ../walkthrough.ipynb       # relative to the grid file; one of its cells is tagged `parameters`
  check: package.module:function       # optional: raises ValueError if it is given parameters that do not fit
  parameters: {n_runs: 10}             # fixed parameters
  grid:                                # one cell for each combination, the last axis varying fastest
    metric: [dot product, cosine similarity]
    layer_selection: [true, false]
  outputs: [runs.csv, gallery.npz]     # files that a cell must leave in the folder it is given as `output_dir`
  collect: [runs.csv]                  # CSV outputs that are concatenated into data/results/<sweep>/
  keep: [timings.csv]                  # the same into notebooks/executed/<sweep>/: what differs each time
  preload: [package.module]            # optional: imported once a worker, before its kernels are forked; see `warm`
  once: [tag]                          # optional: code cells with this tag are executed in the first cell alone
  report:                              # optional: executed when all cells are complete
    notebook: ../results.ipynb         # may declare sweep_dir, cells, results_dir, figures_dir, kept_dir
    parameters: {}
    print: [accuracy_table.md]         # files that it leaves in results_dir or kept_dir, shown at the end

Values are checked against the notebook's parameters before anything starts: names, types of the defaults, and, where
the comment of a parameter's line begins with `one of:`, the choices; then by the grid file's own `check`.

Results go to notebooks/executed/<sweep>/<cell>/ and are complete or absent: a sweep can be killed at any time and
continues with the same command, which runs only what is missing, has failed or is out of date (its parameters, the
notebook's code, the package's sources without this subpackage, or versions of Python, TensorFlow, NumPy have changed).

A cluster by hand, on machines with the same sources (each worker runs one kernel at a time):

  dask scheduler --host 10.0.0.1
  dask worker tcp://10.0.0.1:8786 --nworkers 8 --nthreads 1      # on each machine
  python -m mode_utils.sweep GRID.yml --scheduler tcp://10.0.0.1:8786 --store s3://bucket/prefix

On SLURM, dask_jobqueue.SLURMCluster(cores=1, processes=1, memory="4GB"), on Kubernetes,
dask_kubernetes.operator.KubeCluster(image=...), scaled with cluster.scale(20): pass cluster.scheduler_address.

Exit status: 0 complete; 1 cells or the report failed; 2 bad input; 3 no room or no permission;
4 an error that was not foreseen, whose traceback is kept; 130 interrupted.

Files:

grid        grid files, read and checked
parameters  what a notebook declares, and whether values fit
notebook_source  the cells of a notebook as sources
values      what a value that is written means for a parameter
run         a sweep from its grid file to its tables
tasks       what travels between the driver and its workers
cluster     cells on Dask
cells       one cell on a worker
kernels     one notebook in a kernel that is watched
warm        kernels that are forked from a process that has imported what they need
orphans     kernels whose worker is gone
stores      where results are kept
manifest    what a result depends on
live_view   what is seen of a running sweep
report      the report of a complete sweep
page        a notebook as one HTML page
__main__    the command line
"""
