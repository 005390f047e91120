#include "DataFormats/Common/interface/Wrapper.h"
#include "RecoE2E/DataFormats/interface/DetectorFrames.h"
#include "RecoE2E/DataFormats/interface/SparseCandidates.h"
