#ifndef RecoE2E_FrameProducers_ScratchPool_h
#define RecoE2E_FrameProducers_ScratchPool_h
// What a module needs while it works on an event, grids above all: as many as work at once, whatever the number of
// streams.
#include <memory>

#include "FWCore/Utilities/interface/ReusableObjectHolder.h"
#include "FWCore/Utilities/interface/thread_safety_macros.h"

namespace e2e {

template <typename Scratch>
class ScratchPool {
public:
  /// Goes back when it is let go.
  std::shared_ptr<Scratch> take() const {
    return pool_.makeOrGet([] { return std::make_unique<Scratch>(); });
  }

private:
  CMS_SA_ALLOW mutable edm::ReusableObjectHolder<Scratch> pool_;  // many threads may ask it
};

}  // namespace e2e

#endif
