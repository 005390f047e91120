"""Public image formats: every known layout, lossless, and one line for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from e2e.cli import main
from e2e.contract import FrameSpec
from e2e.datasets import images as images_module
from e2e.datasets.convert import convert
from e2e.datasets.export_data import export_data
from e2e.datasets.source import Options
from e2e.datasets.sources import find_source
from e2e.datasets.stored import open_candidates
from e2e.frames import Candidates, Seeds
from e2e.info import format_info, info
from e2e.problems import InputError, Problems
from e2e.scale.shards import shard_path
from e2e.tasks import TASKS

TOP = ("track_pt", "track_d0", "track_dz", "ecal_energy", "hcal_energy", "bpix1", "bpix2", "bpix3")


def sparse_images(count: int, channels: int, size: int, seed: int = 1) -> np.ndarray:
    """Few pixels, each of another value, negative ones among them; (count, channels, size, size)."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, channels * size * size), dtype=np.float32)
    for image in images:
        image[generator.choice(image.size, 30, replace=False)] = generator.normal(size=30)
    return images.reshape(count, channels, size, size)


def write_parquet(path: Path, images: Any, name: str = "X_jets", **scalars: Any) -> Path:
    """As MLAnalyzer's converters do: nested lists of doubles, a row group for each image."""
    table = pa.table({name: [image.tolist() for image in images], **scalars})
    pq.write_table(table, path, row_group_size=1, compression="snappy")
    return path


def write_hdf5(path: Path, images: np.ndarray, name: str, **scalars: Any) -> Path:
    with h5py.File(path, "w") as file:
        chunks, longest = (2, *images.shape[1:]), (None, *images.shape[1:])
        file.create_dataset(name, data=images, chunks=chunks, maxshape=longest, compression="lzf")
        for key, values in scalars.items():
            file[key] = np.asarray(values, dtype=np.float32)
    return path


def read(path: Path, options: Options = Options(), start: int = 0, stop: int | None = None):  # noqa: B008
    source, problems = find_source(path), Problems()
    layout = source.layout(path, options)
    stop = source.count(path) if stop is None else stop
    return layout, list(source.read(path, start, stop, layout, options, problems)), problems


def dense(parts) -> np.ndarray:
    return np.concatenate([part.candidates.load().to_dense() for part in parts])


def labels(parts, name: str) -> list[float]:
    return np.concatenate([part.labels[name] for part in parts]).tolist()


JETS, TAUS = sparse_images(5, 3, 125), sparse_images(5, 13, 125)
TOPS, CROPS = sparse_images(5, 8, 125), sparse_images(5, 2, 32)
Y, MASS, TOWERS = [0.0, 1.0, 1.0, 0.0, 1.0], [3.7, 5.0, 9.0, 14.0, 8.0], {"ieta": [20.0] * 5, "iphi": [71.0] * 5}
LAST = (0, 2, 3, 1)

LAYOUTS: dict[str, tuple[Callable[[Path], Path], np.ndarray, str, tuple[str, ...], list[float]]] = {
    "quark-gluon, Parquet": (
        lambda p: write_parquet(p, JETS, y=Y, pt=MASS, m0=MASS),
        JETS, "quark-gluon", ("track_pt", "ecal_energy", "hcal_energy"), Y,
    ),
    "quark-gluon, HDF5, channels last": (
        lambda p: write_hdf5(p, JETS.transpose(LAST), "X_jets", y=Y, pt=MASS, m0=MASS),
        JETS, "quark-gluon", ("track_pt", "ecal_energy", "hcal_energy"), Y,
    ),
    "top, Parquet, flat": (
        lambda p: write_parquet(p, TOPS.transpose(LAST).reshape(5, 1, -1), y=Y, pt=MASS, m0=MASS), TOPS, "top", TOP, Y,
    ),
    "top gun, Parquet": (
        lambda p: write_parquet(p, TOPS, "X_jet", m=MASS, pt=MASS, **TOWERS),
        TOPS, "top-mass", ("track_pt", "track_dz", "track_d0", *TOP[3:]), MASS,
    ),
    "top, HDF5, unlabelled": (lambda p: write_hdf5(p, TOPS.transpose(LAST), "jet"), TOPS, "top", TOP, [np.nan] * 5),
    "ditau, Parquet": (
        lambda p: write_parquet(p, TAUS, "X_jet", am=MASS, apt=MASS, **TOWERS),
        TAUS, "ditau-mass", TASKS["ditau-mass"].frame.channels, MASS,
    ),
    "ditau, HDF5": (
        lambda p: write_hdf5(p, TAUS, "all_jet", am=np.reshape(MASS, (5, 1)), apt=np.reshape(MASS, (5, 1))),
        TAUS, "ditau-mass", TASKS["ditau-mass"].frame.channels, MASS,
    ),
    "tau, Parquet": (
        lambda p: write_parquet(p, TAUS, "X_jet", y=Y), TAUS, "tau", TASKS["ditau-mass"].frame.channels, Y,
    ),
    "electron-photon, HDF5": (
        lambda p: write_hdf5(p, CROPS.transpose(LAST), "X", y=Y),
        CROPS, "electron-photon", ("ecal_energy", "ecal_time"), Y,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_known_layout_is_read_to_the_bit(tmp_path, name):
    write, images, task, channels, target = LAYOUTS[name]
    layout, parts, problems = read(write(tmp_path / "any name"))
    assert (layout.task, layout.frame.channels, problems) == (task, channels, [])
    np.testing.assert_array_equal(dense(parts).view(np.uint32), images.view(np.uint32))
    np.testing.assert_allclose(labels(parts, "target"), target, rtol=1e-6)
    assert labels(parts, "event") == list(range(5))


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_window_is_the_same_as_in_the_whole(tmp_path, name):
    write, images, *_ = LAYOUTS[name]
    _, parts, _ = read(write(tmp_path / "a"), start=1, stop=4)
    np.testing.assert_array_equal(dense(parts), images[1:4])
    assert labels(parts, "event") == [1, 2, 3]


def test_kinematics_and_seeds_are_named_as_ours(tmp_path):
    path = write_parquet(tmp_path / "a", TAUS, "X_jet", am=MASS, apt=MASS, jetpt=MASS, m0=Y, **TOWERS)
    _, (part,), _ = read(path)
    assert part.labels["pt"].tolist() == part.labels["truth.pt"].tolist() == np.float32(MASS).tolist()
    assert part.labels["mass"].tolist() == Y
    seeds = part.candidates.load().seeds
    assert (seeds.row.tolist(), seeds.column.tolist()) == ([102] * 5, [357] * 5), "tower x 5 + 2"
    pixels = write_hdf5(tmp_path / "b", TAUS, "all_jet", am=MASS, ae=MASS, ieta=[100] * 5, iphi=[300] * 5)
    seeds = read(pixels)[1][0].candidates.load().seeds
    assert (seeds.row[0], seeds.column[0]) == (100, 300)
    _, (part,), _ = read(write_parquet(tmp_path / "c", JETS, y=Y))
    assert set(part.candidates.load().seeds.row.tolist()) == {-1}


def test_the_endcap_factor_scales_endcap_rows_alone(tmp_path):
    images = np.ones((2, 3, 125, 125), dtype=np.float32)
    path = write_parquet(tmp_path / "a", images, y=[0.0, 1.0], ieta=[12.0, 43.0], iphi=[3.0, 3.0])
    _, plain, _ = read(path)
    assert (dense(plain) == 1).all(), "never silent"
    _, scaled, _ = read(path, Options(endcap_factor=4.0, hcal_factor=0.5))
    track, ecal, hcal = np.moveaxis(dense(scaled), 1, 0)
    assert (track == 1).all() and (hcal == 0.5).all()
    # the seed's row 62 lies at 12 x 5 + 2 = 62 and at 43 x 5 + 2 = 217 of 280; endcaps end at 55 and begin at 225
    assert (ecal[0, :55] == 4).all() and (ecal[0, 55:] == 1).all()
    assert (ecal[1, :70] == 1).all() and (ecal[1, 70:] == 4).all()
    without = write_parquet(tmp_path / "b", images, y=[0.0, 1.0])
    with pytest.raises(InputError, match="without ieta and iphi"):
        read(without, Options(endcap_factor=4.0))


def test_an_unknown_order_of_channels_must_be_told(tmp_path):
    path = write_parquet(tmp_path / "a", sparse_images(2, 5, 125), y=[0.0, 1.0])
    with pytest.raises(InputError, match="5 channels in an order that is not known; give --channels"):
        read(path)
    named = ("track_pt", "track_dz", "track_d0", "ecal_energy", "hcal_energy")
    assert read(path, Options(channels=named))[0].frame.channels == named
    for channels, message in ((named[:3], "5 channels, not 3"), ((*named[:4], "x"), "distinct names of")):
        with pytest.raises(InputError, match=message):
            read(path, Options(channels=channels))
    with pytest.raises(InputError, match="images of 50 x 50"):
        read(write_parquet(tmp_path / "b", sparse_images(2, 3, 50), y=[0.0, 1.0]))


@pytest.mark.parametrize("other", [sparse_images(1, 2, 125)[0], sparse_images(1, 3, 125)[0][:, :60]])
def test_images_of_mixed_sizes_are_refused(tmp_path, other):
    path = write_parquet(tmp_path / "a", [*JETS, other], y=[*Y, 1.0])
    with pytest.raises(InputError, match="images of different sizes"):
        read(path)


def test_data_sets_of_other_lengths_are_refused(tmp_path):
    with pytest.raises(InputError, match="5 images in X_jets, but 3 numbers in y"):
        read(write_hdf5(tmp_path / "a", JETS.transpose(LAST), "X_jets", y=[0, 1, 0]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_image_that_is_not_finite_is_left_out_and_named(tmp_path, value):
    spoilt = JETS.copy()
    spoilt[2, 1, 60, 60] = spoilt[4, 2, 0, 0] = value
    _, parts, problems = read(write_parquet(tmp_path / "a", spoilt, y=Y))
    assert labels(parts, "event") == [0, 1, 3]
    assert [str(p) for p in problems] == [
        f"error: {tmp_path}/a: image 2: ecal_energy is not finite (1 more like it); left out"
    ]


def test_negative_energies_are_kept(tmp_path):
    assert (JETS[:, 1:] < 0).any()
    _, parts, _ = read(write_parquet(tmp_path / "a", JETS, y=Y))
    assert (dense(parts)[:, 1:] < 0).sum() == (JETS[:, 1:] < 0).sum()


def test_files_without_images_are_named(tmp_path, capsys):
    empty = write_hdf5(tmp_path / "empty.h5", JETS[:0].transpose(LAST), "X_jets", y=[])
    pq.write_table(
        pa.table({"X_jets": pa.array([], pa.list_(pa.list_(pa.list_(pa.float64()))))}), tmp_path / "e.parquet"
    )
    full = write_parquet(tmp_path / "full", JETS, y=Y)
    assert main(["convert", str(empty), str(tmp_path / "e.parquet"), str(full), "-o", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().err.count("holds no events and no candidates") == 2
    nothing = write_hdf5(tmp_path / "n.h5", np.zeros((3, 4)), "other")
    with pytest.raises(InputError, match="no data set of images"):
        convert([nothing], tmp_path / "d")
    assert not (tmp_path / "d").exists()


@settings(max_examples=60)
@given(hnp.arrays(np.float32, (3, 2, 32, 32), elements=st.floats(width=32), fill=st.just(0.0)))
def test_dense_to_sparse_to_dense_is_lossless(images):
    spec = FrameSpec(channels=("ecal_energy", "ecal_time"))
    seeds = Seeds.from_columns([0, 1, 2], [0] * 3, [0] * 3, [0] * 3)
    back = Candidates.from_dense(spec, images, seeds).to_dense()
    np.testing.assert_array_equal(back.view(np.uint32), np.where(images == 0, np.float32(0), images).view(np.uint32))


@pytest.mark.parametrize("ending", ["parquet", "h5"])
@pytest.mark.parametrize(
    "name", ["quark-gluon, Parquet", "top, HDF5, unlabelled", "ditau, HDF5", "electron-photon, HDF5"]
)
def test_what_is_exported_comes_back(tmp_path, name, ending):
    write, images, *_ = LAYOUTS[name]
    convert([write(tmp_path / "a")], tmp_path / "c")
    assert export_data([tmp_path / "c"], tmp_path / f"out.{ending}") == 5
    convert([tmp_path / f"out.{ending}"], tmp_path / "d")
    one, two = (open_candidates([shard_path(tmp_path / folder, 0)]) for folder in "cd")
    np.testing.assert_array_equal(two.candidates.load().to_dense(), images)
    for column in ("target", "pt", "mass", "truth.pt"):
        np.testing.assert_array_equal(one.labels[column], two.labels[column])


def test_an_export_that_cannot_be_made_leaves_nothing(tmp_path):
    path = write_parquet(tmp_path / "a", JETS, y=Y)
    with pytest.raises(InputError, match=r"give \.parquet, .h5 or .hdf5"):
        export_data([path], tmp_path / "out.npz")
    damaged = path.read_bytes()
    (tmp_path / "bad").write_bytes(damaged[: len(damaged) // 2] + bytes(200) + damaged[len(damaged) // 2 + 200 :])
    with pytest.raises(InputError):
        export_data([tmp_path / "bad"], tmp_path / "out.h5")
    assert {entry.name for entry in tmp_path.iterdir()} == {"a", "bad"}


@pytest.mark.parametrize("first", [None, [], [[]]])
def test_a_first_image_without_pixels_is_one_line(tmp_path, first):
    images = pa.array([first, JETS[0].tolist()], pa.list_(pa.list_(pa.list_(pa.float64()))))
    pq.write_table(pa.table({"X_jets": images}), tmp_path / "a")
    with pytest.raises(InputError, match=r"image is empty|images of"):
        read(tmp_path / "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "electron-photon"}, "are 125 x 125 windows of the stitched grid, electron-photon takes 32 x 32"),
        ({"task": "quark-gloun"}, "unknown task 'quark-gloun'; did you mean 'quark-gluon'"),
        ({"endcap_factor": np.nan}, "endcap factor nan; give a number above 0"),
        ({"hcal_factor": np.inf}, "HCAL factor inf; give a number above 0"),
        ({"channels": ("track_pt", "track_pt", "ecal_energy")}, "channels with track_pt twice"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_by_every_verb(tmp_path, options, message):
    path = write_parquet(tmp_path / "a", JETS, y=Y, **TOWERS)
    with pytest.raises(InputError, match=message):
        info([path], **options)
    with pytest.raises(InputError, match=message):
        convert([path], tmp_path / "c", **options)
    if options.keys() == {"task"}:
        with pytest.raises(InputError, match=message):
            export_data([path], tmp_path / "out.h5", **options)


@pytest.mark.parametrize(("y", "message"), [(np.eye(5, 2), r"data set y of shape \(5, 2\)"), (1.0, r"y of shape \(\)")])
def test_what_is_not_one_number_an_image_is_named(tmp_path, y, message):
    path = write_hdf5(tmp_path / "a", JETS.transpose(LAST), "X_jets", y=y)
    with pytest.raises(InputError, match=message):
        read(path)


def test_large_row_groups_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(images_module, "BATCH_BYTES", 2 * JETS[0].nbytes)
    for name in ("read", "read_row_group", "read_row_groups"):  # they hold a whole row group
        monkeypatch.delattr(pq.ParquetFile, name)
    table = pa.table({"X_jets": JETS.tolist(), "y": Y})
    pq.write_table(table, tmp_path / "b")
    assert pq.read_metadata(tmp_path / "b").num_row_groups == 1
    _, parts, _ = read(tmp_path / "b", start=1)
    assert [len(part) for part in parts] == [1, 2, 1]
    np.testing.assert_array_equal(dense(parts), JETS[1:])
    assert labels(parts, "event") == [1, 2, 3, 4]


@pytest.mark.parametrize("ending", ["parquet", "h5"])
def test_seeds_that_are_not_known_stay_unknown_in_an_export(tmp_path, ending):
    with_seeds = write_parquet(tmp_path / "a", JETS[:2], y=Y[:2], ieta=[20.0, 21.0], iphi=[71.0, 0.0])
    without = write_parquet(tmp_path / "b", JETS[2:], y=Y[2:])
    out = tmp_path / f"out.{ending}"
    assert export_data([with_seeds, without], out) == 5
    _, (part,), _ = read(out)
    seeds = part.candidates.load().seeds
    assert seeds.row.tolist() == [102, 107, -1, -1, -1] and seeds.column.tolist() == [357, 2, -1, -1, -1]
    with pytest.raises(InputError, match="image 2 has no ieta and iphi"):
        read(out, Options(endcap_factor=4.0))


@pytest.mark.parametrize("ending", ["parquet", "h5"])
def test_an_export_says_its_channels_and_task(tmp_path, ending):
    named = ("ecal_energy", "track_pt", "hcal_energy")  # those of no known data set, though as many
    path, out = write_parquet(tmp_path / "a", JETS, y=Y), tmp_path / f"out.{ending}"
    convert([path], tmp_path / "c", channels=named)
    export_data([tmp_path / "c"], out)
    layout, parts, _ = read(out)
    assert (layout.task, layout.frame.channels) == ("quark-gluon", named)
    np.testing.assert_array_equal(dense(parts), JETS)
    with pytest.raises(InputError, match="says that its channels are ecal_energy, track_pt, hcal_energy"):
        read(out, Options(channels=("track_pt", "ecal_energy", "hcal_energy")))
    with pytest.raises(InputError, match="says that it holds quark-gluon, not top"):
        read(out, Options(task="top"))


@pytest.mark.parametrize("text", ["{", "[]", '{"task": "x", "channels": []}', '{"task": null, "channels": [[]]}'])
def test_what_an_export_says_may_be_damaged(tmp_path, text):
    path = write_hdf5(tmp_path / "a", JETS.transpose(LAST), "X_jets", y=Y)
    with h5py.File(path, "a") as file:
        file.attrs["e2e_images"] = text
    with pytest.raises(InputError, match="e2e_images are damaged"):
        read(path)


def test_files_of_several_layouts_are_told_apart(tmp_path):
    jets, crops = write_parquet(tmp_path / "a", JETS, y=Y), write_parquet(tmp_path / "b", CROPS, "X", y=Y)
    found = info([jets, crops, jets])
    assert (found.counts, found.task, len(found.sample)) == ({"candidates": 15}, "quark-gluon", 10)
    (problem,) = found.problems
    assert problem.where == str(crops) and "gives electron-photon with 32 x 32" in problem.what


def test_a_file_without_images_is_described_and_not_drawn(tmp_path):
    path = write_hdf5(tmp_path / "a", JETS[:0].transpose(LAST), "X_jets", y=[])
    assert "0 candidates" in format_info(info([path]))
    with pytest.raises(InputError, match="no candidates to draw"):
        info([path], plot=tmp_path / "p.svg")
    assert not (tmp_path / "p.svg").exists()


# ---- any bytes at all


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("fuzz")
    parquet = write_parquet(folder / "p", CROPS, "X", y=Y)
    hdf5 = write_hdf5(folder / "h", CROPS.transpose(LAST), "X", y=Y)
    return folder, {"parquet": parquet.read_bytes(), "hdf5": hdf5.read_bytes()}


@pytest.mark.parametrize("kind", ["parquet", "hdf5"])
@settings(max_examples=150)
@given(place=st.integers(0, 1 << 22), flip=st.integers(1, 255), cut=st.booleans())
@example(place=591222, flip=1, cut=False)  # the first image of the Parquet file has lost its rows
@example(place=3203, flip=245, cut=False)  # a key of its footer is no text
def test_damaged_files_end_in_one_line_or_other_numbers(samples, kind, place, flip, cut):
    folder, contents = samples
    content = contents[kind]
    place %= len(content)
    damaged = content[:place] if cut else content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
    (folder / "damaged").write_bytes(damaged)
    try:
        read(folder / "damaged")
    except InputError as error:
        assert "\n" not in str(error)
