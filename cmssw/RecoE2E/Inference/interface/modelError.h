#ifndef RecoE2E_Inference_modelError_h
#define RecoE2E_Inference_modelError_h
// What an engine throws is its own and may have many lines.
#include <exception>
#include <string>

#include "FWCore/Utilities/interface/Exception.h"
#include "RecoE2E/Bundles/interface/BundleConfig.h"

namespace e2e {

/// What `call` gives. Whatever it throws becomes cms::Exception("E2EModel"). what: such as "PyTorch cannot read".
template <typename Call>
auto orModelError(const BundleConfig& bundle, const char* what, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    throw cms::Exception("E2EModel") << "E2E: " << what << " bundle " << bundle.name << " ("
                                     << text.substr(0, text.find('\n'))
                                     << "); write it again by `e2e export BUNDLE --cmssw`";
  }
}

}  // namespace e2e

#endif
