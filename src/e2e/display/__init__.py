"""Events to look at: cells, tracks, jets and the crops of the networks, on a page of its own or for Phoenix."""
