"""Versions of what is written to disk. A reader refuses a newer one by name and reads every older one."""

CONTRACT_VERSION = 1  # pixel packing: pixel_index, pixel_value, seed
GRAPH_CONTRACT_VERSION = 2  # that and neighbour; of graph networks alone, so that others stay readable
BUNDLE_VERSION = 2  # files of a bundle and keys of contract.json
EVENT_STORE_VERSION = 4  # columns of the Parquet event store
CANDIDATE_STORE_VERSION = 3  # columns of the Parquet candidate store
ANSWERS_VERSION = 1  # columns of the table of answers that an evaluation keeps
COMPRESSED_VERSION = 1  # sections of a file of compressed candidates and keys of its header
