// Python module e2e._core: check the arrays, release the GIL, loop over events, call the headers.
// Facade with the names and types of the Python side: src/e2e/frames/native.py.
#include "core.h"

NB_MODULE(_core, m) {
  m.doc() = "The C++ core; use e2e.frames.native.";
  e2e::bindings::bindFrames(m);
  e2e::bindings::bindTracking(m);
  e2e::bindings::bindSeeds(m);
  e2e::bindings::bindCandidates(m);
  e2e::bindings::bindGraphs(m);
  e2e::bindings::bindDetector(m);
}
