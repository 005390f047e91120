"""SONIC: bundles behind a real Triton server, and what travels to it. Import from the files."""
