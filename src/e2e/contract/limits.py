"""Sizes and limits shared by the Python specification and the C++ core."""

CROP_SIZE = 32  # pixels; electron/photon window, ML4SCI and arXiv:2204.12313
CROP_CENTRE = 15  # row and column of the seed inside the crop

JET_CROP_SIZE = 125  # pixels; jet window of cms-e2e/RecoE2E and of the ML4SCI jet images
JET_CROP_CENTRE = 62

# Pixels around the expected impact within which the highest crystal is the seed: wide in phi, where radiation and
# conversions spread a shower. On the real files this finds CMS's own seed for 122 of 123 barrel photons.
SEED_SEARCH_HALF_ROWS = 2
SEED_SEARCH_HALF_COLUMNS = 8
SEED_MIN_ENERGY_GEV = 1.0  # a crystal below this seeds nothing

JET_SEED_HALF_TOWERS = 3  # HCAL towers around the jet axis within which the highest is the seed; cms-e2e/RecoE2E

# Which tracks fill the track channels: those of the primary collision in the tracker's reach; cms-e2e/RecoE2E.
TRACK_MAX_DZ_CM = 0.1
TRACK_MAX_ETA = 3.0
MAX_TRACK_PT_GEV = 1.0e4  # beyond is a fit that failed: more than the beams give

PADDING_INDEX = -1  # pixel_index of a padded entry; its pixel_value is 0
MAX_EXACT_INDEX = 1 << 24  # float32 holds every integer below this exactly; a larger frame is refused

# A rec hit outside +-this is corrupt: an EB crystal saturates near 1.7 TeV, an EE crystal near 3 TeV.
MAX_HIT_ENERGY_GEV = 1.0e4
