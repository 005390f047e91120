"""A contest: networks of many kinds, trained alike and measured on the same candidates."""
