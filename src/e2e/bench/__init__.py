"""How fast do bundles answer, in every engine? Import from the files."""
