"""Sizes and limits shared by the Python specification and the C++ core."""

CROP_SIZE = 32  # pixels; electron/photon window, ML4SCI and arXiv:2204.12313
CROP_CENTRE = 15  # row and column of the seed inside the crop

# Pixels around the expected impact within which the highest crystal is the seed: wide in phi, where radiation and
# conversions spread a shower. On the real files this finds CMS's own seed for 122 of 123 barrel photons.
SEED_SEARCH_HALF_ROWS = 2
SEED_SEARCH_HALF_COLUMNS = 8
SEED_MIN_ENERGY_GEV = 1.0  # a crystal below this seeds nothing

PADDING_INDEX = -1  # pixel_index of a padded entry; its pixel_value is 0
MAX_EXACT_INDEX = 1 << 24  # float32 holds every integer below this exactly; a larger frame is refused

# A rec hit outside +-this is corrupt: an EB crystal saturates near 1.7 TeV, an EE crystal near 3 TeV.
MAX_HIT_ENERGY_GEV = 1.0e4
