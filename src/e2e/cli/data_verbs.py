"""Arguments of the verbs that make, read and write data."""

from __future__ import annotations

from pathlib import Path

from e2e.cli.arguments import OTHER_PROCESSES, TASK_NAMES, Verb, as_json, formats, inputs, workers


def add_data_verbs(verb: Verb) -> None:
    add = verb("info", "what is in files or folders of any format: events, candidates, channels, sparsity, provenance")
    inputs(add)
    as_json(add)
    add("--plot", type=Path, default=None, metavar="OUT.svg", help="average image of each kind and channel")
    formats(add)

    add = verb("check", "does this file say what we think? DetIds, positions, CMS's own photon sums")
    inputs(add)
    as_json(add)

    add = verb("simulate", "simulate events with a CMS-like response; goes on where an interrupted call was")
    add("process", metavar="PROCESS", help=f"a task: {', '.join(TASK_NAMES)}; or {', '.join(OTHER_PROCESSES)}")
    add("-n", "--num-events", type=int, default=1000, metavar="N", help="1000 unless given")
    add("--seed", type=int, default=1, metavar="S", help="the same seed gives the same bytes")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of event stores")
    add("--pt", type=float, nargs=2, default=None, metavar=("LOW", "HIGH"), help="of a gun, GeV; 20 to 100")
    add("--pileup", type=float, default=0.0, metavar="MU", help="mean number of other collisions; 2012 data have 20")
    add("--pool", type=Path, default=None, metavar="FILE", help="pile-up pool to share between calls; made if missing")
    add("--tune", type=int, default=None, metavar="N", help="of Pythia, by its number; 14, Monash 2013, unless given")
    workers(add)
    as_json(add)

    add = verb("convert", "files of any format to candidate stores; goes on where an interrupted call was")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder of candidate stores")
    formats(add)
    workers(add)
    as_json(add)

    add = verb("export-data", "candidates to dense images in the layouts of ML4SCI")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="ending in .parquet, .h5 or .hdf5")
    add("--task", default=None, metavar="TASK", help="for events that do not say it")
    as_json(add)

    add = verb("compress", "candidates of any format to one small file, of which any can be read alone")
    inputs(add)
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="whole or not at all")
    add("--task", default=None, metavar="TASK", help="for events that do not say it")
    add("--model", type=Path, default=None, metavar="RUN", help="of e2e pretrain --features N; lossless unless given")
    add("--rate", type=float, default=None, metavar="R", help="bits of each feature; 4 unless given")
    add("--tolerance", type=float, default=None, metavar="T", help="images under zfp: what a scaled value may be off")
    add(
        "--block", type=int, default=64, metavar="N", help="candidates that are compressed, and would be lost, together"
    )
    as_json(add)

    add = verb("decompress", "a file of compressed candidates to a candidate store; damaged ones are named")
    add("file", type=Path, metavar="FILE", help="that e2e compress wrote")
    add("-o", "--output", type=Path, required=True, metavar="OUT.parquet", help="a candidate store")
    add("--model", type=Path, default=None, metavar="RUN", help="that a file of feature vectors was compressed with")
    add("--start", type=int, default=0, metavar="I", help="first candidate to take")
    add("--stop", type=int, default=None, metavar="I", help="the one after the last; all unless given")
    as_json(add)

    add = verb("validate-simulation", "set the simulation beside real collisions: pictures and a table of distances")
    add("--against", type=Path, nargs="+", required=True, metavar="INPUT", help="files of real events")
    add("-o", "--output", type=Path, default=Path("validation"), metavar="DIR", help="for the page; validation")
    add("--simulated", type=Path, nargs="*", default=(), metavar="INPUT", help="events to use; fresh ones unless given")
    add("--process", default="minimum-bias", metavar="PROCESS", help="to simulate; minimum-bias")
    add("-n", "--num-events", type=int, default=1000, metavar="N", help="to simulate; 1000")
    add("--seed", type=int, default=1, metavar="S", help="of the simulation; 1")
    add("--pileup", type=float, default=None, metavar="MU", help="from the vertices of the real events unless given")
    as_json(add)
