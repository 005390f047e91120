#ifndef imitation_torch_h
#define imitation_torch_h
// The interface of cms::torch::Model over the real PyTorch.
#include <string>
#include <vector>

#include <torch/script.h>
#include <torch/torch.h>

namespace cms::torch {

class Model {
public:
  explicit Model(const std::string& path) : model_(::torch::jit::load(path)) {}
  ::torch::IValue forward(std::vector<::torch::IValue>& inputs) { return model_.forward(inputs); }

private:
  ::torch::jit::script::Module model_;
};

}  // namespace cms::torch

#endif
