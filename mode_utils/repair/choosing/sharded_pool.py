"""A pool in shards, looked at on the cores of this machine or of a cluster, and chosen from as one in a single file."""

from dataclasses import dataclass
from functools import partial
from operator import call

import numpy as np

from mode_utils.repair.choosing.given_outputs import GivenOutputs
from mode_utils.repair.reading.array_values import check_probabilities
from mode_utils.repair.reading.shard_files import find_shards, open_shard

_MOST_CACHED = 2**28  # bytes of rows that are kept after they were read


@dataclass(frozen=True)
class Shards:
    """Where the shards of a pool are, and who looks at them.

    Attributes
    ----------
    pattern : str, see `reading.shard_files.find_shards`
    workers : int, processes on this machine; by default one a core
    scheduler : str, address of a running Dask cluster, such as ``tcp://10.0.0.1:8786``, in place of workers
    on_shard : callable, called with the number of shards that are done, and of all
    """

    pattern: str
    workers: int | None = None
    scheduler: str | None = None
    on_shard: object = None

    def each(self, function, urls):
        """Yield what a function makes of the name and URL of each shard, in order; a dead worker's goes to another."""
        from mode_utils.sweep.cluster import count_workers  # takes a second to import; a pool in one file does without

        workers = 0 if self.scheduler else min(count_workers(self.workers), len(urls))
        if workers != 1:
            yield from self._on_cluster(function, urls, workers)
            return
        for done, (name, url) in enumerate(urls.items(), start=1):
            yield function(name, url)
            self._tell(done, len(urls))

    def _on_cluster(self, function, urls, workers):
        from distributed import as_completed

        from mode_utils.sweep.cluster import local_client, remote_client

        with remote_client(self.scheduler) if self.scheduler else local_client(workers) as client:
            shared = client.scatter(function, broadcast=True, hash=False)
            futures = [client.submit(call, shared, name, url, pure=False) for name, url in urls.items()]
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    future.result()  # the first that fails ends it
                    self._tell(done, len(urls))
                yield from client.gather(futures)
            except BaseException:
                client.cancel(futures)
                raise

    def _tell(self, done, total):
        if self.on_shard:
            self.on_shard(done, total)


class ShardedPool:
    """The rows of all shards, in the order of their names; a shard that cannot be read is a ValueError with its name.

    `rows` are those of each shard by name, `labels` (n,) int32 are -1 where a row has none, None if none has one;
    `features` and `names` of all rows are read when they are asked for.
    """

    def __init__(self, shards, n_features, n_classes, class_names):
        self._shards, self._shape, self._class_names = shards, (n_features, n_classes), tuple(class_names)
        self.urls = dict(sorted(find_shards(shards.pattern).items()))
        counts = {name: _count(n_classes, self._class_names, name, url) for name, url in self.urls.items()}
        self.rows = {name: len(labels) for name, labels in counts.items()}
        self._starts = dict(zip(counts, np.cumsum([0, *self.rows.values()]), strict=False))
        labels = np.concatenate(list(counts.values())).astype(np.int32)
        self.labels = labels if (labels >= 0).any() else None
        self.features, self.names = _Rows(self, 0, (n_features,), np.float32), _Rows(self, 1, (), str)
        self._places, self._kept = np.empty(0, int), None

    def __len__(self):
        return sum(self.rows.values())

    def each_part(self, function):
        """Yield what a function makes of each shard in turn, see `model_outputs.ModelOutputs`."""
        yield from self._shards.each(partial(_look, function, self._shape, self._class_names, self._starts), self.urls)

    def read(self, places):
        """Return features and names at some places; a shard is read once, and rows are kept a while."""
        missing = np.setdiff1d(places, self._places)
        if missing.size:
            if self._kept is not None and sum(column.nbytes for column in self._kept) >= _MOST_CACHED:
                self._places, self._kept, missing = self._places[:0], None, np.unique(places)
            parts = ((features, names) for features, _, names in self._read(missing))
            self._keep(missing, [np.concatenate(column) for column in zip(*parts, strict=True)])
        found = np.searchsorted(self._places, places)
        return tuple(column[found] for column in self._kept)

    def probabilities(self, places):
        """Return probabilities at some places, which are not kept: of many classes they are most of a shard."""
        places, found = np.unique(places, return_inverse=True)
        return np.concatenate([probabilities for _, probabilities, _ in self._read(places)])[found]

    def _keep(self, places, columns):
        if self._kept is not None:
            places = np.concatenate([self._places, places])
            columns = [np.concatenate(both) for both in zip(self._kept, columns, strict=True)]
        order = np.argsort(places)
        self._places, self._kept = places[order], [column[order] for column in columns]

    def _read(self, places):
        """Yield features, probabilities and names of the wanted rows of each part of each shard that has some."""
        for name, url in self.urls.items():
            start = self._starts[name]
            own = places[(places >= start) & (places < start + self.rows[name])] - start
            if not own.size:
                continue
            for first, features, probabilities, names, _ in _parts(name, url, self._shape, self._class_names):
                rows = own[(own >= first) & (own < first + len(features))]
                if rows.size:
                    names = np.array([f"{name}:{row}" for row in rows]) if names is None else names[rows - first]
                    yield features[rows - first], probabilities[rows - first], names.astype(object)
                if own[-1] < first + len(features):
                    break


class ShardedOutputs(GivenOutputs):
    """The outputs of a pool in shards, beside those of other samples in arrays."""

    def __init__(self, arrays, pool):
        super().__init__(arrays, pool.features, has_samples=False)
        self.pool = pool

    def at(self, places, names=("states", "probabilities"), layer=None):
        """Return features, probabilities or both at some places of the pool."""
        look = {"states": lambda places: self.pool.read(places)[0], "probabilities": self.pool.probabilities}
        return [look[name](places) for name in names]

    def each_part(self, function):
        """Yield what a function makes of each shard in turn."""
        yield from self.pool.each_part(function)


class _Rows:
    """One column of a pool in shards as an array."""

    def __init__(self, pool, column, shape, dtype):
        self._pool, self._column, self.shape, self.dtype = pool, column, (len(pool), *shape), np.dtype(dtype)

    def __len__(self):
        return self.shape[0]

    @property
    def ndim(self):
        return len(self.shape)

    def prefetch(self, places):
        """Read some rows in one go, before they are asked for a few at a time."""
        self._pool.read(places)

    def __getitem__(self, places):
        places = np.arange(len(self))[places]
        rows = self._pool.read(np.atleast_1d(places))[self._column]
        rows = rows.astype(str) if self.dtype.kind == "U" else rows
        return rows if places.ndim else rows[0]


def _count(n_classes, class_names, name, url):
    """Return the labels (n,) of a shard, -1 where a row has none."""
    found = [np.empty(0, int)]
    for _, features, _, _, labels in _parts(name, url, None, class_names):
        found.append(np.full(len(features), -1) if labels is None else labels)
        if labels is not None and not ((labels >= -1) & (labels < n_classes)).all():
            told = f"shard {name}: its labels span {labels.min()} .. {labels.max()}"
            raise ValueError(f"{told}, wanted are 0 .. {n_classes - 1}")
    return np.concatenate(found)


def _look(function, shape, class_names, starts, name, url):
    parts = _parts(name, url, shape, class_names)
    return function((starts[name] + first, x, x, probabilities) for first, x, probabilities, _, _ in parts)


def _parts(name, url, shape, class_names):
    """Yield first row, features, probabilities, names and labels of each part of a shard, checked by their shape."""
    first = 0
    try:
        with open_shard(url, class_names) as parts:
            for features, probabilities, names, labels in parts:
                if shape:
                    _check(features, probabilities, *shape)
                yield first, features, probabilities, names, labels
                first += len(features)
    except Exception as error:  # whatever the libraries that read it raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"shard {name}: {reason}") from None


def _check(features, probabilities, n_features, n_classes):
    check_probabilities("probabilities", probabilities)
    if probabilities.shape[1] != n_classes:
        raise ValueError(f"it has {probabilities.shape[1]} classes, the validation samples {n_classes}")
    if features.shape != (len(probabilities), n_features):
        raise ValueError(f"its features have shape {features.shape}, wanted is {(len(probabilities), n_features)}")
    if not np.isfinite(features).all():
        raise ValueError("it has NaN or infinite features")
