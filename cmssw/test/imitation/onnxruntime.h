#ifndef imitation_onnxruntime_h
#define imitation_onnxruntime_h
// The interface of cms::Ort::ONNXRuntime over the real ONNX Runtime, whose wheel has the library and no headers: its C
// interface is a table of functions in an order that never changes.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace Ort {
struct SessionOptions {
  bool useCUDA = false, hasMemPattern = true, hasCpuMemArena = true;

  void DisableMemPattern() { hasMemPattern = false; }
  void DisableCpuMemArena() { hasCpuMemArena = false; }
};
}  // namespace Ort

namespace cms::Ort {

using FloatArrays = std::vector<std::vector<float>>;
enum class Backend { cpu, cuda };

class ONNXRuntime {
public:
  explicit ONNXRuntime(const std::string& path, const ::Ort::SessionOptions* options = nullptr);
  ~ONNXRuntime();

  static ::Ort::SessionOptions defaultSessionOptions(Backend backend = Backend::cpu) {
    return {.useCUDA = backend == Backend::cuda};
  }

  FloatArrays run(const std::vector<std::string>& inputNames, FloatArrays& inputs,
                  const std::vector<std::vector<std::int64_t>>& shapes = {},
                  const std::vector<std::string>& outputNames = {}, std::int64_t batch = 1) const;

private:
  struct Session;
  std::unique_ptr<Session> session_;
};

}  // namespace cms::Ort

#endif
