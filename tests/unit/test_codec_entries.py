"""Codecs as they are named on the command line."""

from __future__ import annotations

import pytest

from e2e.comparison.codec_entries import find_codec_entries
from e2e.compression.lossless import SparseZstd
from e2e.compression.zfp import Zfp
from e2e.problems import InputError
from e2e.tasks import TASKS

TASK = TASKS["quark-gluon"]


def found(*codecs: str):
    return find_codec_entries(codecs, TASK, None)


def test_each_rate_and_tolerance_is_a_codec(tmp_path):
    (tmp_path / "run:2").mkdir()  # a colon is no harm
    (tmp_path / "run:2" / "run.json").write_text("{}")
    entries = found("lossless", "zfp:0.01,0.1", "pca:64", "pca:32:2,6", f"{tmp_path}/run:2", f"{tmp_path}/run:2:3,5")
    assert [entry.name for entry in entries] == [
        *("lossless", "zfp, tolerance 0.01", "zfp, tolerance 0.1", "pca:64, rate 4", "pca:32, rate 2"),
        *("pca:32, rate 6", "run:2, rate 4", "run:2, rate 3", "run:2, rate 5"),
    ]
    assert entries[3].source.components == 64 and entries[-1].source.run == tmp_path / "run:2"
    assert entries[4].source is entries[5].source, "components would be fitted twice"
    assert isinstance(entries[0].codec(), SparseZstd)


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        ((), "no codecs; give lossless, zfp:TOLERANCE"),
        (("jpeg",), "no codec 'jpeg'; give lossless"),
        (("zfp",), "no codec 'zfp'"),
        (("zfp:small",), "no codec 'zfp:small'"),
        (("pca:many",), "no codec 'pca:many'"),
        (("pca:8:2,",), "no codec 'pca:8:2,'"),
        (("nowhere:4",), "no codec 'nowhere:4'"),
        (("pca:8:4", "pca:8"), "named twice: pca:8, rate 4"),
    ],
)
def test_what_is_no_codec_is_one_line(codecs, message):
    with pytest.raises(InputError) as caught:
        found(*codecs)
    assert message in str(caught.value)


def test_what_cannot_be_made_is_one_line():
    for codec, message in (("pca:8", "nothing to fit pca:8 to; give --data"), ("zfp:-1", "a tolerance of -1")):
        (entry,) = found(codec)
        with pytest.raises(InputError, match=message):
            entry.codec()


def test_a_tolerance_is_that_of_zfp():
    pytest.importorskip("zfpy")
    (entry,) = found("zfp:0.05")
    codec = entry.codec()
    assert isinstance(codec, Zfp) and codec.tolerance == 0.05 and codec.scale == TASK.input_scale
