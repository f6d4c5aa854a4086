"""Folders of images as people have them: any scaling of pixels, names, broken and stray files."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mode_utils.networks.backend import keras
from mode_utils.repair import choose_inputs, diagnose, open_case, save_repair
from mode_utils.repair.image_folders import read_images
from mode_utils.repair.labelling.label_table import read_labels

NAMES = ("cross", "frame", "square")
SIZES = {"train": 240, "validation": 90, "pool": 120, "test": 60}
layers = keras.layers


def images(n, rng):
    """Return images (n, 12, 12, 3) of bytes and labels; each label has a shape and a brightness of its own."""
    shapes = np.zeros((3, 7, 7))
    shapes[0, 3], shapes[0, :, 3] = 1, 1
    shapes[1] = np.pad(np.zeros((5, 5)), 1, constant_values=1)
    shapes[2] = 1
    y, x = rng.permutation(np.arange(n) % 3), 60 * rng.random((n, 12, 12, 3))
    for image, label, (row, column) in zip(x, y, rng.integers(6, size=(n, 2)), strict=True):
        image[row : row + 7, column : column + 7] += shapes[label][..., None] * rng.uniform(60, 190, 3)
    return np.rint(x).astype(np.uint8), y


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of images with a labelled pool, and its arrays of bytes."""
    folder, rng, arrays = tmp_path_factory.mktemp("images"), np.random.default_rng(0), {}
    for role, n in SIZES.items():
        x, y = arrays[role] = images(n, rng)
        for number, (image, label) in enumerate(zip(x, y, strict=True)):
            place = folder / role / NAMES[label]
            place.mkdir(parents=True, exist_ok=True)
            keras.utils.save_img(place / f"{number:04d}.png", image, scale=False)
    return folder, arrays


@pytest.fixture
def folder(made, tmp_path):
    """Return a copy of the folder that may be spoilt."""
    subprocess.run(["cp", "-r", made[0], tmp_path / "images"], check=True)
    return tmp_path / "images"


def body():
    image = keras.Input((12, 12, 3))
    maps = layers.MaxPooling2D()(layers.Conv2D(8, 3, activation="relu")(image))
    hidden = layers.Dense(16, activation="relu")(layers.Flatten()(maps))
    return keras.Model(image, layers.Dense(3, activation="softmax")(hidden))


def behind(scaling, nested=False):
    image = keras.Input((12, 12, 3))
    first = scaling
    if nested:
        inner = keras.Input((12, 12, 3))
        first = keras.Model(inner, scaling(inner), name="preprocessing")
    return keras.Model(image, body()(first(image)))


def frozen():
    """A body that is not trained behind a nested scaling, as transfer learning has it."""
    inner = keras.Input((12, 12, 3))
    maps = layers.BatchNormalization()(layers.Conv2D(12, 3, activation="relu")(layers.Rescaling(1 / 127.5, -1)(inner)))
    backbone = keras.Model(inner, layers.GlobalMaxPooling2D()(layers.Conv2D(24, 3, activation="relu")(maps)))
    backbone.trainable = False
    image = keras.Input((12, 12, 3))
    return keras.Model(
        image, layers.Dense(3, activation="softmax")(layers.Dense(32, activation="relu")(backbone(image)))
    )


def adapted(x):
    normalization = layers.Normalization()
    normalization.adapt(x)
    return normalization


LAYOUTS = {  # the model, and how its pixels were given in training
    "0..1": (lambda x: body(), "0..1"),
    "-1..1": (lambda x: body(), "-1..1"),
    "raw, no layer": (lambda x: body(), "0..255"),
    "raw, batch normalization": (lambda x: behind(layers.BatchNormalization()), "0..255"),
    "rescaling": (lambda x: behind(layers.Rescaling(1 / 255)), "0..255"),
    "rescaling to -1..1": (lambda x: behind(layers.Rescaling(1 / 127.5, -1)), "0..255"),
    "nested rescaling": (lambda x: behind(layers.Rescaling(1 / 255), nested=True), "0..255"),
    "normalization": (lambda x: behind(adapted(x)), "0..255"),
    "nested normalization": (lambda x: behind(adapted(x), nested=True), "0..255"),
    "rescaling of 0..1": (lambda x: behind(layers.Rescaling(2.0, -1)), "0..1"),
    "frozen backbone": (lambda x: frozen(), "0..255"),
    "caffe": (lambda x: body(), "caffe"),
    "torch": (lambda x: body(), "torch"),
}


def scaled(x, pixels):
    """Return bytes as a model is given them: what keras.applications calls tf, caffe and torch is done by itself."""
    x = x.astype(np.float32)
    modes = {"-1..1": "tf", "caffe": "caffe", "torch": "torch"}
    if pixels in modes:
        return keras.applications.imagenet_utils.preprocess_input(x.copy(), mode=modes[pixels])
    return x / 255 if pixels == "0..1" else x


def trained(model, x, y):
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    model.fit(x, y, epochs=25, batch_size=48, verbose=0)
    return model


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_pixels_are_given_as_in_training_whatever_the_layout(layout, made):
    folder, arrays = made
    make, pixels = LAYOUTS[layout]
    x, y = arrays["train"]
    keras.utils.set_random_seed(0)
    model = trained(make(x.astype(np.float32)), scaled(x, pixels), y)
    right = model.predict(scaled(arrays["validation"][0], pixels), verbose=0).argmax(axis=1)
    case = open_case(model, folder, budget=30)
    note = case.notes[0]  # how torch and -1..1 scale them differs little
    assert note.startswith(f"Pixels are given as {pixels}; of 240 training images") or f"--pixels {pixels}." in note
    expected = np.mean(right == arrays["validation"][1])
    assert diagnose(case).labels["validation_accuracy"].mean() == pytest.approx(expected, abs=0.03) and expected > 0.5


def test_a_model_that_does_not_know_its_own_samples_is_stopped_with_the_probable_causes(made):
    keras.utils.set_random_seed(1)
    model = body()
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="of its own training samples right, no more than by guessing"):
        open_case(model, made[0], budget=30, pixels="0..1")
    case = open_case(model, made[0], budget=30, pixels="0..1", even_if_weak=True)
    assert case.notes == ("Pixels are given as 0..1, as stated.",)


@pytest.fixture(scope="module")
def model(made):
    x, y = made[1]["train"]
    keras.utils.set_random_seed(0)
    return trained(body(), x[:60] / np.float32(255), y[:60])


def test_classes_in_another_order_are_found_out(made):
    x, y = made[1]["train"]
    keras.utils.set_random_seed(0)
    model = trained(body(), x / np.float32(255), y)
    with pytest.raises(ValueError, match=r"probably in another order: .* give the classes in its order"):
        open_case(model, made[0], budget=30, class_names=("square", "cross", "frame"))


def test_the_scale_of_arrays_is_found_out(made, model):
    roles = {"train", "validation", "pool"}
    arrays = {f"{what}_{role}": array for role in roles for what, array in zip("xy", made[1][role], strict=True)}
    raw = {name: array.astype(np.float32) if name[0] == "x" else array for name, array in arrays.items()}
    np.savez(made[0].parent / "raw.npz", **{name: -1 + 2 * a / 255 if name[0] == "x" else a for name, a in raw.items()})
    with pytest.raises(ValueError, match=r"% of them from -1 .. 1 brought into 0 .. 1: give samples as it was trained"):
        open_case(model, made[0].parent / "raw.npz", budget=30)


def test_the_table_says_which_image_and_goes_by_its_name(folder, model, tmp_path):
    for path in (folder / "pool").glob("*/*.png"):
        path.rename(folder / "pool" / f"{path.parent.name}-{path.name}")
    for name in NAMES:
        (folder / "pool" / name).rmdir()
    case = open_case(model, folder, budget=20)
    diagnosis = diagnose(case)
    chosen = choose_inputs(case, diagnosis)
    save_repair(tmp_path / "out", case, diagnosis, chosen)
    table = pd.read_csv(tmp_path / "out/selected.csv")
    assert all((folder / name).is_file() for name in table["name"])
    table["label"] = [name.split("/")[1].split("-")[0] for name in table["name"]]
    truth = table.set_index("index")["label"]
    table.drop(columns="index").to_csv(tmp_path / "named.csv", index=False)
    pool = NAMES, len(case.data.x_pool), case.data.names_pool
    indices, labels = read_labels(tmp_path / "named.csv", *pool)
    assert [NAMES[label] for label in labels] == truth.loc[indices].tolist()
    table["index"] += 1
    table.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(
        ValueError, match=r"line 2: index .* of the pool is .*, but the name is .*: give the table of this"
    ):
        read_labels(tmp_path / "other.csv", *pool)


def test_broken_images_are_named_or_left_out_when_asked(folder, model):
    broken = folder / "pool/cross/broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(
        ValueError, match=r"pool/cross/broken.png is no image that can be read, one of 1 .*--skip-broken"
    ):
        open_case(model, folder, budget=20)
    case = open_case(model, folder, budget=20, skip_broken=True)
    assert "1 broken images of pool were left out: pool/cross/broken.png." in case.notes
    assert len(case.data.x_pool) == len(case.data.y_pool) == len(case.data.names_pool) == SIZES["pool"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: next((f / "train/cross").iterdir()).rename(f / "train/x.png"),
         "has 1 images beside its class folders, such as x.png: put each into the folder of its class"),
        (lambda f: (f / "train/circle").mkdir(), "train/circle has no images: fill it, or remove the folder"),
        (lambda f: (f / "validation/circle").mkdir(), "has a class 'circle' that is not among cross, frame, square"),
        (lambda f: (f / "validation").rename(f / "valid"), "has no folder 'validation': it needs train, valid"),
    ],
)  # fmt: skip
def test_what_lies_in_the_wrong_place_is_an_error(spoil, message, folder):
    spoil(folder)
    with pytest.raises(ValueError, match=message):
        read_images(folder, (12, 12, 3))


def test_of_a_pool_images_beside_the_class_folders_have_no_label_yet(folder):
    loose = sorted((folder / "pool/frame").iterdir())[:3]
    for path in loose:
        path.rename(folder / "pool" / f"loose-{path.name}")
    found = read_images(folder, (12, 12, 3)).arrays
    labels = dict(zip(found["names_pool"], found["y_pool"], strict=True))
    assert {name: label for name, label in labels.items() if "/" not in name.removeprefix("pool/")} == {
        f"pool/loose-{path.name}": -1 for path in loose
    }
    assert all(NAMES[label] == name.split("/")[1] for name, label in labels.items() if label >= 0)


def test_what_is_hidden_is_not_looked_at_and_what_is_not_read_is_said(folder):
    (folder / "train/.ipynb_checkpoints").mkdir()
    first = next((folder / "train/cross").iterdir())
    (folder / "train/cross/.hidden.png").write_bytes(first.read_bytes())
    (folder / "train/frame/photo.webp").write_bytes(b"RIFF")
    found = read_images(folder, (12, 12, 3))
    assert found.class_names == NAMES and len(found.arrays["x_train"]) == SIZES["train"]
    assert found.notes == ("1 files of train are of kinds that are not read: frame/photo.webp; convert them to PNG.",)


def test_images_are_what_keras_reads(made):
    folder, _ = made
    found = read_images(folder, (9, 10, 3)).arrays
    theirs = keras.utils.image_dataset_from_directory(
        folder / "test", image_size=(9, 10), shuffle=False, batch_size=None, verbose=False
    )
    x, y = zip(*theirs.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(found["x_test"], np.stack(x))
    np.testing.assert_array_equal(found["y_test"], np.array(y))


def test_images_are_packed_without_a_warning(made, tmp_path):
    command = [sys.executable, "-m", "mode_utils.repair.image_folders", str(made[0]), str(tmp_path / "packed.npz")]
    done = subprocess.run([*command, "--origin", "made"], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr
    with np.load(tmp_path / "packed.npz") as packed:
        assert packed["x_train"].shape == (240, 32, 32, 3) and str(packed["origin"]) == "made"
