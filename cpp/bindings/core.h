#ifndef e2e_bindings_core_h
#define e2e_bindings_core_h
// The parts of the module, one file each.
#include <nanobind/nanobind.h>

namespace e2e::bindings {

void bindFrames(nanobind::module_& m);
void bindTracking(nanobind::module_& m);
void bindSeeds(nanobind::module_& m);
void bindCandidates(nanobind::module_& m);
void bindGraphs(nanobind::module_& m);
void bindDetector(nanobind::module_& m);

}  // namespace e2e::bindings

#endif
