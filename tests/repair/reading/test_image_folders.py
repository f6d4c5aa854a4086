"""Folders of images as people have them: any scaling of pixels, names, broken and stray files."""

import os
import subprocess
import sys
import unicodedata
from contextlib import suppress
from itertools import product

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mode_utils.networks.backend import keras
from mode_utils.networks.trainer import Trainer
from mode_utils.repair import assess_case, choose_inputs, open_case, save_repair
from mode_utils.repair.folder import hash_file
from mode_utils.repair.labelling.label_table import read_labels
from mode_utils.repair.reading.arrays import check_arrays
from mode_utils.repair.reading.image_folders import read_images
from mode_utils.repair.reading.own_samples import PIXELS, choose_pixels

pytestmark = pytest.mark.slow

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


def compiled(model):
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    return model


def trained(model, x, y):
    compiled(model).fit(x, y, epochs=25, batch_size=48, verbose=0)
    return model


@pytest.fixture(scope="module")
def base(made):
    """Return a model that was trained on pixels in 0 .. 1."""
    x, y = made[1]["train"]
    keras.utils.set_random_seed(0)
    return trained(body(), x / np.float32(255), y)


def taking(base, factor, summand, blue_first=False):
    """Return a model that is what another makes of pixels times a factor plus a summand: its first layer does it."""
    factor, summand = (np.broadcast_to(np.float64(value), 3) for value in (factor, summand))
    model = keras.models.clone_model(base)
    kernel, bias, *others = base.get_weights()
    bias = bias + np.einsum("hwcf,c->f", kernel, summand)
    kernel = kernel * factor[:, None]
    model.set_weights([kernel[:, :, ::-1] if blue_first else kernel, bias, *others])
    return model


def behind(scaling, model, nested=False):
    image = keras.Input((12, 12, 3))
    first = scaling
    if nested:
        inner = keras.Input((12, 12, 3))
        first = keras.Model(inner, scaling(inner), name="preprocessing")
    return keras.Model(image, model(first(image)))


def frozen(base):
    """A body that is not trained behind a nested scaling, as transfer learning has it."""
    model = taking(base, 0.5, 0.5)
    inner = keras.Input((12, 12, 3))
    convolution, pooling, flatten, hidden, last = model.layers[1:]
    maps = layers.BatchNormalization(epsilon=1e-6)(convolution(layers.Rescaling(1 / 127.5, -1)(inner)))
    backbone = keras.Model(inner, hidden(flatten(pooling(maps))))
    backbone.trainable = False
    image = keras.Input((12, 12, 3))
    return keras.Model(image, last(backbone(image)))


def normalized(base, x, nested=False, layer=layers.Normalization):
    """Return a model behind a layer that brings pixels to mean 0 and variance 1, as it has learned from training."""
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    model = taking(base, np.sqrt(variance) / 255, mean / 255)
    if layer is layers.Normalization:
        return behind(layers.Normalization(mean=mean, variance=variance), model, nested)
    normalization = layers.BatchNormalization(epsilon=1e-6)
    normalization.build((None, 12, 12, 3))
    normalization.set_weights([np.ones(3), np.zeros(3), mean, variance])
    return behind(normalization, model)


MEAN, SPREAD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of keras.applications, torch
CAFFE = np.array([123.68, 116.779, 103.939])
LAYOUTS = {  # the model, and how its pixels were given in training
    "0..1": (lambda base, x: base, "0..1"),
    "-1..1": (lambda base, x: taking(base, 0.5, 0.5), "-1..1"),
    "raw, no layer": (lambda base, x: taking(base, 1 / 255, 0), "0..255"),
    "raw, batch normalization": (lambda base, x: normalized(base, x, layer=layers.BatchNormalization), "0..255"),
    "rescaling": (lambda base, x: behind(layers.Rescaling(1 / 255), base), "0..255"),
    "rescaling to -1..1": (lambda base, x: behind(layers.Rescaling(1 / 127.5, -1), taking(base, 0.5, 0.5)), "0..255"),
    "nested rescaling": (lambda base, x: behind(layers.Rescaling(1 / 255), base, nested=True), "0..255"),
    "normalization": (lambda base, x: normalized(base, x), "0..255"),
    "nested normalization": (lambda base, x: normalized(base, x, nested=True), "0..255"),
    "rescaling of 0..1": (lambda base, x: behind(layers.Rescaling(2.0, -1), taking(base, 0.5, 0.5)), "0..1"),
    "frozen backbone": (lambda base, x: frozen(base), "0..255"),
    "caffe": (lambda base, x: taking(base, 1 / 255, CAFFE / 255, blue_first=True), "caffe"),
    "torch": (lambda base, x: taking(base, SPREAD, MEAN), "torch"),
}


def scaled(x, pixels):
    """Return bytes as a model is given them: what keras.applications calls tf, caffe and torch is done by itself."""
    x = x.astype(np.float32)
    modes = {"-1..1": "tf", "caffe": "caffe", "torch": "torch"}
    if pixels in modes:
        return keras.applications.imagenet_utils.preprocess_input(x.copy(), mode=modes[pixels])
    return x / 255 if pixels == "0..1" else x


@pytest.fixture(scope="module")
def read(made):
    return read_images(made[0], (12, 12, 3)).arrays


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_pixels_are_given_as_in_training_whatever_the_layout(layout, made, read, base):
    make, pixels = LAYOUTS[layout]
    model = compiled(make(base, made[1]["train"][0].astype(np.float32)))
    x, y = made[1]["validation"]
    right = np.argmax(model(scaled(x, pixels), training=False), axis=1)
    trainer = Trainer(model)
    found, note = choose_pixels(trainer, read["x_train"], read["y_train"])
    # how torch and -1..1 scale them differs little
    assert note.startswith(f"Pixels are given as {pixels}; of 240 training images") or f"--pixels {pixels}." in note
    taken = trainer.predict(PIXELS[found].apply(read["x_validation"])).argmax(axis=1)
    expected = np.mean(right == y)
    assert np.mean(taken == read["y_validation"]) == pytest.approx(expected, abs=0.03) and expected > 0.5


@pytest.mark.parametrize("layout", ["frozen backbone", "caffe"])
def test_a_case_is_diagnosed_with_pixels_as_in_training(layout, made, base):
    folder, arrays = made
    make, pixels = LAYOUTS[layout]
    model = compiled(make(base, arrays["train"][0].astype(np.float32)))
    right = np.argmax(model(scaled(arrays["validation"][0], pixels), training=False), axis=1)
    case = open_case(model, folder, budget=30)
    assert case.notes[0].startswith(f"Pixels are given as {pixels}; of 240 training images")
    expected = np.mean(right == arrays["validation"][1])
    assert (
        assess_case(case).labels["validation_accuracy"].mean() == pytest.approx(expected, abs=0.03) and expected > 0.5
    )


def test_a_model_that_does_not_know_its_own_samples_is_stopped_with_the_probable_causes(made):
    keras.utils.set_random_seed(1)
    model = body()
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="of its own training samples right, no more than by guessing"):
        open_case(model, made[0], budget=30, pixels="0..1")
    case = open_case(model, made[0], budget=30, pixels="0..1", even_if_weak=True)
    assert case.notes[-1] == "Pixels are given as 0..1, as stated."


@pytest.fixture(scope="module")
def model(made):
    x, y = made[1]["train"]
    keras.utils.set_random_seed(0)
    return trained(body(), x[:60] / np.float32(255), y[:60])


def test_classes_in_another_order_are_found_out(made, base):
    with pytest.raises(ValueError, match=r"probably in another order: .* give the classes in its order"):
        open_case(compiled(base), made[0], budget=30, class_names=("square", "cross", "frame"))


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
    assessment = assess_case(case)
    chosen = choose_inputs(case, assessment)
    save_repair(tmp_path / "out", case, assessment, chosen)
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
        ValueError, match=r"pool/cross/broken.png cannot be decoded as an image \(.*\), one of 1 .*--skip-broken"
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


def test_what_is_left_behind_is_not_looked_at_and_what_is_not_read_is_said(folder):
    first = next((folder / "train/cross").iterdir())
    hidden = (".hidden.png", "._0001.png", ".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir/0001.png", "__MACOSX/a.png")
    for place in ("train", "train/cross", "pool", "pool/cross"):
        for name in (*hidden, ".ipynb_checkpoints/copy.png"):
            (folder / place / name).parent.mkdir(exist_ok=True)
            (folder / place / name).write_bytes(first.read_bytes())
    for name in ("frame/photo.heic", "cross/notes.txt", "cross/scan"):
        (folder / "train" / name).write_bytes(b"RIFF")
    found = read_images(folder, (12, 12, 3))
    assert found.class_names == NAMES and len(found.arrays["x_train"]) == SIZES["train"]
    assert len(found.arrays["x_pool"]) == SIZES["pool"]
    assert found.notes == (
        "3 files of train are of kinds that are not read: cross/notes.txt, cross/scan, frame/photo.heic; convert them "
        "to PNG if they are images.",
    )


def pictures():
    """Return images of all modes of Pillow that files have, 8 x 8, by name."""
    rng = np.random.default_rng(0)
    rgb, gray = rng.integers(0, 256, (8, 8, 3)).astype(np.uint8), rng.integers(0, 256, (8, 8)).astype(np.uint8)
    rgba = Image.fromarray(np.dstack([rgb, gray]))
    dark = Image.fromarray(gray, "L").convert("P")
    dark.putpalette([255 - value for value in range(256) for _ in range(3)])
    made = {"L": Image.fromarray(gray), "RGB": Image.fromarray(rgb), "RGBA": rgba, "LA": rgba.convert("LA")}
    made |= {mode: made["RGB"].convert(mode) for mode in ("P", "1", "CMYK", "YCbCr")}
    return made | {"negative": dark, "16": Image.fromarray(rng.integers(0, 2**16, (8, 8)).astype(np.uint16))}


MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}
KINDS = {"png": {}, "bmp": {}, "gif": {}, "jpg": {}, "tif": {}, "webp": {"lossless": True}, "PNG": {"format": "PNG"}}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Return a folder with an image of each mode in each kind of file that can hold it."""
    folder = tmp_path_factory.mktemp("kinds")
    for mode, image in pictures().items():
        for ending, options in KINDS.items():
            for role in ("train", "validation", "pool"):
                (folder / role / "a").mkdir(parents=True, exist_ok=True)
                with suppress(OSError, ValueError):  # which cannot hold it
                    image.save(folder / role / "a" / f"{mode} {ending}.{ending}", **options)
    return folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("channels", MODES)
def test_whatever_the_kind_of_file_and_its_mode_images_are_what_keras_reads(channels, kinds):
    found = read_images(kinds, (8, 8, channels))
    names = found.arrays["names_pool"].tolist()
    assert len(names) > 50 and len(names) == len(list((kinds / "pool/a").iterdir()))
    for name, mine in zip(names, found.arrays["x_pool"], strict=True):
        theirs = keras.utils.img_to_array(keras.utils.load_img(kinds / name, color_mode=MODES[channels]))
        if "/16 " in name and not name.endswith(("gif", "webp", "bmp", "jpg")):
            sixteen = np.asarray(Image.open(kinds / name)) >> 8
            theirs = np.repeat(sixteen[..., None], channels, axis=-1)
        seen = min(channels, 3)  # TensorFlow gives a palette another alpha
        limit = 5 if name.endswith(".jpg") else 1  # decoders round, and weigh red, green and blue, in their own ways
        assert np.abs(mine.astype(float) - theirs)[..., :seen].max() <= limit, name
        assert mine.shape == theirs.shape and (
            channels < 4
            or name.split(".")[0].endswith(("A png", "A PNG", "A tif", "A webp", "A bmp"))
            or mine[..., 3].min() == 255
        )
    assert sum("have 16 bits, of which the upper 8 are read" in note for note in found.notes) == 3


def small_folder(folder, classes=("a", "b"), form=str):
    """Make a folder of gray images in which a class is a brightness; return the folder."""
    for role in ("train", "validation", "pool"):
        for place, name in enumerate(classes):
            (folder / role / form(name)).mkdir(parents=True)
            for number in range(2):
                picture = Image.fromarray(np.full((8, 8), 100 * place + number, np.uint8))
                picture.save(folder / role / form(name) / f"{number}.png")
    return folder


def test_images_that_are_rotated_animated_or_of_another_kind_than_their_ending_says(tmp_path):
    folder, picture = small_folder(tmp_path), np.add.outer(8 * np.arange(8), 16 * np.arange(8)).astype(np.uint8)
    frames = [Image.fromarray(picture), Image.fromarray(picture.T), Image.fromarray(picture // 2)]
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    options = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(folder / "pool/a/rotated.jpg", exif=exif, quality=100)
    for ending in ("gif", "tif"):
        frames[0].save(folder / f"pool/a/several.{ending}", **options)
    frames[0].save(folder / "pool/a/really a tif.png", format="TIFF")
    frames[0].save(folder / "pool/a/several, really.jpg", format="MPO", quality=100, **options)  # as phones do
    found = read_images(folder, (8, 8, 1))
    for name, picture in zip(found.arrays["names_pool"], found.arrays["x_pool"], strict=True):
        if "/a/" in name and len(name) > len("pool/a/0.png"):
            np.testing.assert_allclose(picture[..., 0], np.asarray(frames[0]), atol=8, err_msg=name)
    assert found.notes == (
        "1 images of pool have a rotation in EXIF, which is not applied, as Keras does not apply it.",
        "2 images of pool have several pictures, of which the first is read.",
    )


def test_one_class_is_one_however_a_system_writes_its_name(tmp_path):
    decomposed = lambda name: unicodedata.normalize("NFD", name)  # noqa: E731
    names = ("Brötchen", "Käse")
    folder = small_folder(tmp_path / "images", names)
    (folder / "validation/Käse").rename(folder / "validation" / decomposed("Käse"))
    small_folder(tmp_path / "others", names, decomposed)
    (tmp_path / "others/pool" / decomposed("Käse")).rename(folder / "pool" / decomposed("Käse"))  # beside the other
    for given in (None, names, tuple(map(decomposed, names))):
        found = read_images(folder, (8, 8, 1), given)
        assert found.class_names == names and found.notes == ()
        for role, counts in {"train": [2, 2], "validation": [2, 2], "pool": [2, 4]}.items():
            assert np.bincount(found.arrays[f"y_{role}"]).tolist() == counts
            np.testing.assert_array_equal(
                found.arrays[f"x_{role}"].mean(axis=(1, 2, 3)) >= 100, found.arrays[f"y_{role}"]
            )


@pytest.mark.parametrize(
    "name",
    [b"H\xe4user.png", b"line\nbreak.png", b'a,b;"c".png', b"=1+1.png", b"#?%20.png", b"x" * 250 + b".PNG", b" .png",
     b"a\tb.png", "\U0001f600.png".encode(), b"-.png", b"*.png", b"[a].png", b"\\.png", "a\u0308.png".encode()],
)  # fmt: skip
def test_any_name_of_a_file_is_read_and_can_be_written(name, tmp_path):
    folder = small_folder(tmp_path)
    source = (folder / "pool/a/0.png").read_bytes()
    with open(os.path.join(os.fsencode(folder), b"pool/a", name), "wb") as file:
        file.write(source)
    with open(os.path.join(os.fsencode(folder), b"pool/a", b"broken " + name[:200] + b".png"), "wb") as file:
        file.write(source[:50])
    found = read_images(folder, (8, 8, 1), skip_broken=True)
    names = found.arrays["names_pool"]
    assert len(set(names)) == len(names) == 5 and len(found.arrays["x_pool"]) == 5
    "".join([*names, *found.notes]).encode()
    case = check_arrays(found.arrays, found.class_names)
    assert case.names_pool.tolist() == names.tolist() and hash_file(folder)
    with pytest.raises(ValueError, match=r"broken .* cannot be decoded as an image") as error:
        read_images(folder, (8, 8, 1))
    str(error.value).encode()


def test_classes_that_differ_by_case_are_told_apart_and_the_reason_of_a_broken_file_is_its_own(tmp_path):
    folder = small_folder(tmp_path, ("a", "A"))
    assert read_images(folder, (8, 8, 1)).class_names == ("A", "a")
    (folder / "validation/A").rename(folder / "validation/B")
    with pytest.raises(ValueError, match="has a class 'B' that is not among A, a: rename"):
        read_images(folder, (8, 8, 1))
    (folder / "validation/B").rename(folder / "validation/A")
    (folder / "train/a").rename(folder / "train/b")
    with pytest.raises(ValueError, match=r"has a class 'a' that is not among A, b \(is it 'A'\?\)"):
        read_images(folder, (8, 8, 1))
    (folder / "train/b").rename(folder / "train/a")
    for content, reason in {b"": "it is empty", b"<html>": "cannot identify image file"}.items():
        (folder / "pool/a/0.png").write_bytes(content)
        with pytest.raises(ValueError, match=reason):
            read_images(folder, (8, 8, 1))
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(folder / "pool/a/0.png", format="TIFF")
    with pytest.raises(ValueError, match="pixels of 32 bits, F: save it with 8 or 16"):
        read_images(folder, (8, 8, 1))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_what_keras_reads(channels, made, tmp_path):
    folder = small_folder(tmp_path)
    options = {"jpg": {}, "JPEG": {"format": "JPEG"}, "png": {}} | ({"gif": {}, "bmp": {}} if channels == 3 else {})
    for number, (image, ending) in enumerate(product(made[1]["test"][0][:6], options)):
        Image.fromarray(image).save(folder / f"validation/a/{number}x.{ending}", **options[ending])
    found = read_images(folder, (9, 10, channels)).arrays
    theirs = keras.utils.image_dataset_from_directory(
        folder / "validation",
        image_size=(9, 10),
        shuffle=False,
        batch_size=None,
        verbose=False,
        color_mode=MODES[channels],
    )
    x, y = zip(*theirs.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(found["x_validation"], np.stack(x))
    np.testing.assert_array_equal(found["y_validation"], np.array(y))


@pytest.mark.nightly
def test_images_are_packed_without_a_warning(made, tmp_path):
    program = [sys.executable, "-m", "mode_utils.repair.reading.image_folders"]
    command = [*program, str(made[0]), str(tmp_path / "packed.npz")]
    done = subprocess.run([*command, "--origin", "made"], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr
    with np.load(tmp_path / "packed.npz") as packed:
        assert packed["x_train"].shape == (240, 32, 32, 3) and str(packed["origin"]) == "made"
