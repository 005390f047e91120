"""One page for one evaluation, or for several on the same candidates: what a physicist looks at before believing."""
