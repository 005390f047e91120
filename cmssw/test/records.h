#ifndef cmssw_test_records_h
#define cmssw_test_records_h
// Named arrays in a file, one after the other: a line "NAME TYPE COUNT", then the numbers as the machine keeps them. And
// configurations as text. Both are written by tests/cmssw/harness.py.
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "imitation/parameters.h"

namespace harness {

using Array = std::variant<std::vector<float>, std::vector<std::int32_t>, std::vector<std::uint32_t>>;

/// The arrays of an event; one that is missing is a collection that the event does not have.
struct Record {
  std::map<std::string, Array> arrays;

  bool has(const std::string& name) const { return arrays.count(name) > 0; }
  template <typename T>
  const std::vector<T>& of(const std::string& name) const {
    return std::get<std::vector<T>>(arrays.at(name));
  }
};

std::vector<Record> readRecords(const std::string& path);
void writeRecords(const std::string& path, const std::vector<Record>& records);

struct ModuleConfig {
  std::string label, type;
  edm::ParameterSet parameters;
};

std::vector<ModuleConfig> readModules(const std::string& path);

}  // namespace harness

#endif
