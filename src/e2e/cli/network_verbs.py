"""Arguments of the verbs that train networks and measure them."""

from __future__ import annotations

from pathlib import Path

from e2e.cli.arguments import PRECISION_HELP, Verb, as_json, inputs, named_path
from e2e.inference.names import LOCAL_ENGINES, PRECISIONS

_LEARNING = ("auto", "32-true", "bf16-mixed", "16-mixed")
_FAST = "auto unless given: bf16 on a GPU that computes in it, else full precision"


def add_network_verbs(verb: Verb) -> None:
    add = verb("train", "train the network of a task; resumes an unfinished run; torchrun shares it among processes")
    add("recipe", metavar="RECIPE", help="a task, or a task with -debug: seconds, and not good")
    inputs(add, "data")
    add("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; an unfinished one goes on")
    add("--model", default=None, metavar="NAME", help="such as sparse-vit-small; the recipe's unless given")
    add("--seed", type=int, default=1, metavar="S", help="of weights, order and augmentation; 1")
    add(
        "--start",
        type=Path,
        default=None,
        metavar="RUN",
        help="begin with the weights of a run or a bundle, also of fewer channels",
    )
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--precision", default=None, choices=_LEARNING, help=_FAST)
    add("--optimiser", default=None, choices=("adamw", "muon"), help="the recipe's unless given")
    add("--learning-rate", type=float, default=None, metavar="R", help="peak; the recipe's unless given")
    add(
        "--accumulate",
        type=int,
        default=None,
        metavar="N",
        help="steps that make one update; the recipe's unless given",
    )
    kinds = ("quantiles", "gaussian", "point")
    add("--quantity", default=None, choices=kinds, help="how a mass is answered; the recipe's unless given")
    add("--corrects-bias", action="store_true", help="make the median response of a mass linear after the training")
    add("--relative", action="store_true", help="learn the logarithm of a mass: relative errors count alike")
    add("--joint", action="store_true", help="learn what the task has beside its own output too, such as the true pT")
    add("--compile", action="store_true", help="train with torch.compile")
    add("--max-candidates", type=int, default=None, metavar="N", help="a random so many; all unless given")
    add("--threads", type=int, default=None, metavar="N", help="of PyTorch; its own choice unless given")
    as_json(add)

    add = verb("pretrain", "train an encoder without labels, or a feature vector to compress candidates to; resumes")
    add("recipe", metavar="RECIPE", help="as of train, for the frame and how to learn")
    inputs(add, "data")
    add("-o", "--output", type=Path, required=True, metavar="RUN", help="folder of the run; an unfinished one goes on")
    encoders = "sparse-vit, hybrid, conv-autoencoder or conv-vae in one of their sizes"
    add("--model", default="sparse-vit-tiny", metavar="NAME", help=encoders)
    add("--features", type=int, default=0, metavar="N", help="length of the feature vector; 0: hide and ask, no vector")
    add("--mask", default="random", choices=("random", "block", "channel"), help="what is hidden together")
    add("--ratio", type=float, default=None, metavar="R", help="hidden, of what is occupied; 0.75, with features 0")
    add("--start", type=Path, default=None, metavar="RUN", help="begin with the weights of a run or bundle")
    add("--seed", type=int, default=1, metavar="S", help="of weights, order and masks; 1")
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--precision", default=None, choices=_LEARNING, help=_FAST)
    add("--learning-rate", type=float, default=None, metavar="R", help="peak; the recipe's unless given")
    add("--max-candidates", type=int, default=None, metavar="N", help="a random so many; all unless given")
    add("--threads", type=int, default=None, metavar="N", help="of PyTorch; its own choice unless given")
    as_json(add)

    add = verb("export", "make a bundle of a trained run; refused unless PyTorch and ONNX Runtime agree")
    add("run", type=Path, metavar="RUN", help="a training run; with --cmssw also a bundle")
    add("-o", "--output", type=Path, default=None, metavar="BUNDLE", help="folder of the bundle, whole or not at all")
    add("--test", type=Path, nargs="*", default=(), metavar="INPUT", help="unseen events for the card's numbers")
    add("--cmssw", type=Path, default=None, metavar="AREA", help="put it into $CMSSW_BASE/src, beside cmssw/RecoE2E")
    as_json(add)

    add = verb("evaluate", "measure a bundle on simulated events it has not seen")
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    inputs(add, "data")
    add(
        "-o", "--output", type=Path, default=Path("evaluation"), metavar="DIR", help="for numbers and plots; evaluation"
    )
    as_json(add)
    add("--engine", default="onnxruntime", choices=LOCAL_ENGINES, help="what runs the bundle")
    add("--precision", default="fp32", choices=PRECISIONS, help=PRECISION_HELP)

    add = verb("report", "a page of one evaluation, or of several on the same candidates: curves, bins, examples")
    add("evaluations", nargs="+", type=Path, metavar="EVALUATION", help="folders that `e2e evaluate` wrote")
    add("-o", "--output", type=Path, default=Path("report"), metavar="DIR", help="page, PDFs and JSON")
    as_json(add)

    add = verb("stress", "ask a bundle about candidates that are changed, or made otherwise: do its answers move?")
    add("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle")
    inputs(add, "data")
    add("-o", "--output", type=Path, default=Path("stress"), metavar="DIR", help="for numbers, plots; stress")
    named = "samples made otherwise, such as more-pileup=FOLDER"
    add("--others", type=named_path, nargs="*", default=(), metavar="NAME=INPUT", help=named)
    as_json(add)
    add("--engine", default="onnxruntime", choices=LOCAL_ENGINES, help="what runs the bundle")

    add = verb("compare", "train networks of many kinds alike and measure them on the same candidates")
    add("task", metavar="TASK", help="such as quark-gluon")
    add(
        "--models",
        nargs="+",
        required=True,
        metavar="MODEL",
        help="resnet15, sparse-vit-small, swinv2-tiny, ... (a wrong name prints all); or folders of runs or bundles",
    )
    add("--data", type=Path, nargs="+", default=(), metavar="INPUT", help="events or candidates to train on")
    add("--test", type=Path, nargs="+", required=True, metavar="INPUT", help="those that no model has seen")
    add("-o", "--output", type=Path, default=Path("comparison"), metavar="DIR", help="what is there is not made again")
    add("--seeds", type=int, default=1, metavar="N", help="trainings of each model")
    add("--leading", type=int, default=None, metavar="K", help="of the K best alone, the others having one")
    add("--sizes", type=int, nargs="*", default=(), metavar="N", help="training candidates, for learning curves")
    add("--epochs", type=int, default=None, metavar="N", help="the recipe's unless given")
    add("--max-candidates", type=int, default=None, metavar="N", help="to train on, a random so many; all unless given")
    add("--threads", type=int, default=1, metavar="N", help="of training; latency is that of one")
    as_json(add)

    add = verb("compare-codecs", "bytes of a candidate against what they are worth: codecs on the same candidates")
    codecs = "lossless, zfp:TOLERANCE, pca:COMPONENTS[:RATE], RUN[:RATE] of e2e pretrain --features; RUN:2,4 are two"
    add("codecs", nargs="+", metavar="CODEC", help=codecs)
    add("--bundles", nargs="+", type=Path, required=True, metavar="BUNDLE", help="trained on originals, of one task")
    add("--test", type=Path, nargs="+", required=True, metavar="INPUT", help="candidates that none has seen")
    add("-o", "--output", type=Path, default=Path("codecs"), metavar="DIR", help="what is there is not measured again")
    add("--data", type=Path, nargs="+", default=(), metavar="INPUT", help="to fit principal components to")
    add("--max-candidates", type=int, default=None, metavar="N", help="to test on, a random so many; all unless given")
    as_json(add)
