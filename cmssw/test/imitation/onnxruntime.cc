#include "onnxruntime.h"

#include <stdexcept>
#include <utility>

extern "C" {
struct OrtApiBase {
  const void* const* (*getApi)(std::uint32_t version);
  const char* (*getVersionString)();
};
const OrtApiBase* OrtGetApiBase();
}

namespace cms::Ort {

namespace {

constexpr std::uint32_t kApiVersion = 17;  // read by everything since
using Status = void*;

/// Places in the table, and the types of what stands there.
enum Place : int {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSession = 7,
  kRun = 9,
  kCreateSessionOptions = 10,
  kDisableMemPattern = 17,
  kDisableCpuMemArena = 19,
  kSetIntraOpNumThreads = 24,
  kCreateTensorWithData = 49,
  kGetTensorMutableData = 51,
  kGetTensorShapeElementCount = 64,
  kGetTensorTypeAndShape = 65,
  kCreateCpuMemoryInfo = 69,
  kReleaseStatus = 93,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseTensorTypeAndShapeInfo = 99,
  kReleaseSessionOptions = 100
};
constexpr int kWarningsAndWorse = 2, kArenaAllocator = 1, kDefaultMemory = 0, kFloat = 1;

const void* const* api() {
  static const void* const* const kApi = OrtGetApiBase()->getApi(kApiVersion);
  return kApi;
}

/// A function that gives nothing back.
template <typename... Arguments>
void callVoid(Place place, Arguments... arguments) {
  reinterpret_cast<void (*)(Arguments...)>(const_cast<void*>(api()[place]))(arguments...);
}

template <typename... Arguments>
void call(Place place, Arguments... arguments) {
  const Status status = reinterpret_cast<Status (*)(Arguments...)>(const_cast<void*>(api()[place]))(arguments...);
  if (status == nullptr)
    return;
  const std::string message =
      reinterpret_cast<const char* (*)(const void*)>(const_cast<void*>(api()[kGetErrorMessage]))(status);
  callVoid(kReleaseStatus, status);
  throw std::runtime_error(message);
}

void* environment() {
  static void* const kEnvironment = [] {
    void* made = nullptr;
    call(kCreateEnv, kWarningsAndWorse, static_cast<const char*>("cmssw"), &made);
    return made;
  }();
  return kEnvironment;
}

/// Gives back what it holds.
struct Owned {
  Place release;
  void* pointer = nullptr;
  explicit Owned(Place place) : release(place) {}
  Owned(Owned&& other) noexcept : release(other.release), pointer(std::exchange(other.pointer, nullptr)) {}
  Owned(const Owned&) = delete;
  ~Owned() {
    if (pointer != nullptr)
      callVoid(release, pointer);
  }
};

}  // namespace

struct ONNXRuntime::Session {
  Owned session{kReleaseSession};
  void* memory = nullptr;  // of the process
};

ONNXRuntime::ONNXRuntime(const std::string& path, const ::Ort::SessionOptions* options)
    : session_(std::make_unique<Session>()) {
  if (options != nullptr && options->useCUDA)
    throw std::runtime_error("this ONNX Runtime has no CUDA");
  Owned settings(kReleaseSessionOptions);
  call(kCreateSessionOptions, &settings.pointer);
  call(kSetIntraOpNumThreads, settings.pointer, 1);
  if (options != nullptr && !options->hasMemPattern)
    call(kDisableMemPattern, settings.pointer);
  if (options != nullptr && !options->hasCpuMemArena)
    call(kDisableCpuMemArena, settings.pointer);
  call(kCreateSession, environment(), path.c_str(), settings.pointer, &session_->session.pointer);
  static void* const kMemory = [] {
    void* made = nullptr;
    call(kCreateCpuMemoryInfo, kArenaAllocator, kDefaultMemory, &made);
    return made;
  }();
  session_->memory = kMemory;
}

ONNXRuntime::~ONNXRuntime() = default;

FloatArrays ONNXRuntime::run(const std::vector<std::string>& inputNames, FloatArrays& inputs,
                             const std::vector<std::vector<std::int64_t>>& shapes,
                             const std::vector<std::string>& outputNames, std::int64_t) const {
  std::vector<Owned> values;
  std::vector<const char*> names, wanted;
  std::vector<void*> given, answers(outputNames.size(), nullptr);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.emplace_back(kReleaseValue);
    call(kCreateTensorWithData, session_->memory, static_cast<void*>(inputs[i].data()),
         inputs[i].size() * sizeof(float), shapes[i].data(), shapes[i].size(), kFloat, &values.back().pointer);
    given.push_back(values.back().pointer);
    names.push_back(inputNames[i].c_str());
  }
  for (const std::string& name : outputNames)
    wanted.push_back(name.c_str());
  call(kRun, session_->session.pointer, static_cast<void*>(nullptr), names.data(), given.data(), given.size(),
       wanted.data(), wanted.size(), answers.data());

  FloatArrays outputs;
  for (void* answer : answers) {
    values.emplace_back(kReleaseValue);
    values.back().pointer = answer;
    Owned shape(kReleaseTensorTypeAndShapeInfo);
    call(kGetTensorTypeAndShape, answer, &shape.pointer);
    std::size_t count = 0;
    call(kGetTensorShapeElementCount, shape.pointer, &count);
    float* data = nullptr;
    call(kGetTensorMutableData, answer, reinterpret_cast<void**>(&data));
    outputs.emplace_back(data, data + count);
  }
  return outputs;
}

}  // namespace cms::Ort
