#ifndef e2e_bindings_arrays_h
#define e2e_bindings_arrays_h
// NumPy arrays in, checked before anything reads them, and vectors out. A check throws ValueError and needs the GIL.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace e2e::bindings {

namespace nb = nanobind;

using AnyArray = nb::ndarray<nb::ro, nb::device::cpu>;

template <typename T>
using NumpyArray = nb::ndarray<nb::numpy, T>;

template <typename T>
NumpyArray<T> toNumpy(std::vector<T>&& values, std::vector<std::size_t> shape) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  T* data = owned->data();
  nb::capsule owner(owned.release(), [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return NumpyArray<T>(data, shape.size(), shape.data(), owner);
}

template <typename T>
NumpyArray<T> toNumpy(std::vector<T>&& values) {
  const std::size_t size = values.size();
  return toNumpy(std::move(values), {size});
}

/// One truth for each of many; a vector would pack them into bits.
class Mask {
public:
  explicit Mask(std::size_t size) : size_(size), data_(std::make_unique<bool[]>(size)) {}

  bool& operator[](std::size_t i) { return data_[i]; }

  NumpyArray<bool> take() {
    bool* data = data_.get();
    nb::capsule owner(data_.release(), [](void* p) noexcept { delete[] static_cast<bool*>(p); });
    return NumpyArray<bool>(data, {size_}, owner);
  }

private:
  std::size_t size_;
  std::unique_ptr<bool[]> data_;
};

/// Read-only view of a checked one-dimensional array.
template <typename T>
struct Column {
  const T* data;
  std::size_t size;
  const T& operator[](std::size_t i) const { return data[i]; }
};

[[noreturn]] inline void refuse(const std::string& why) { throw nb::value_error(why.c_str()); }

template <typename T>
Column<T> column(const AnyArray& array, const std::string& name) {
  const bool isRow = array.ndim() == 1 && (array.shape(0) < 2 || array.stride(0) == 1);
  if (array.dtype() != nb::dtype<T>() || !isRow) {
    const std::string kind = std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint";
    refuse(name + " must be one-dimensional contiguous " + kind + std::to_string(8 * sizeof(T)));
  }
  return {static_cast<const T*>(array.data()), array.shape(0)};
}

inline void checkOffsets(const Column<std::int64_t>& offsets, std::size_t rows) {
  bool isGood = offsets.size > 0 && offsets[0] == 0 && offsets[offsets.size - 1] == static_cast<std::int64_t>(rows);
  for (std::size_t i = 1; isGood && i < offsets.size; ++i)
    isGood = offsets[i - 1] <= offsets[i];
  if (!isGood)
    refuse("offsets must ascend from 0 to the number of rows, " + std::to_string(rows));
}

template <typename T>
inline void checkSize(const Column<T>& values, std::size_t size, const std::string& name) {
  if (values.size != size)
    refuse(name + " has " + std::to_string(values.size) + " rows, not " + std::to_string(size));
}

/// One column for each name, all of a length.
template <typename T, std::size_t kSize>
std::array<Column<T>, kSize> columnsOf(const std::vector<AnyArray>& arrays, const char* const (&names)[kSize]) {
  if (arrays.size() != kSize)
    refuse(std::to_string(arrays.size()) + " columns, not " + std::to_string(kSize));
  std::array<Column<T>, kSize> columns{};
  for (std::size_t i = 0; i < kSize; ++i) {
    columns[i] = column<T>(arrays[i], names[i]);
    checkSize(columns[i], columns[0].size, names[i]);
  }
  return columns;
}

inline void checkRange(std::int64_t value, std::int64_t size, const std::string& what) {
  if (value < 0 || value >= size)
    refuse(what + " " + std::to_string(value) + " is outside 0.." + std::to_string(size - 1));
}

/// The same for every value, without a branch in the loop: it runs on several values at a time.
inline void checkRange(const Column<std::int32_t>& values, std::int64_t size, const std::string& what) {
  const auto last = static_cast<std::uint32_t>(std::min(size, std::int64_t{1} << 31) - 1);
  std::uint32_t bits = 0;  // the highest is set once a value is below 0 or above `last`
  for (std::size_t i = 0; i < values.size; ++i) {
    const auto value = static_cast<std::uint32_t>(values[i]);
    bits |= value | (last - value);
  }
  for (std::size_t i = 0; bits >> 31 != 0 && i < values.size; ++i)
    checkRange(values[i], size, what);
}

}  // namespace e2e::bindings

#endif
