"""What the detector recorded: the event record, its Parquet store, and a reader for each source."""
