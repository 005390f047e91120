"""Is the file, and are our frames of it, what we think? Import from the files."""
