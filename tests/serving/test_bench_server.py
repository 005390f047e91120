"""A server is measured as the other engines are, its own memory and start included."""

from client import NAME, ZOO

from e2e.bench.bench import bench


def test_a_server_has_its_row(tmp_path):
    quick = {"batch_sizes": (4,), "threads": (1,), "rounds": 2, "seconds": 0.01}
    result = bench([ZOO / NAME], tmp_path, engines=("onnxruntime", "triton"), **quick)
    local, served = result["rows"]
    assert (local["engine"], served["engine"]) == ("onnxruntime", "triton") and not result["problems"]
    assert served["candidates_per_second"]["value"] > 0
    assert served["memory_bytes"] > local["memory_bytes"] + 1e8  # a server and a Python process for the model
    assert served["start"]["load_s"] > local["start"]["load_s"]
