#include "records.h"

#include <stdexcept>

namespace harness {

namespace {

template <typename T>
std::vector<T> readNumbers(std::istream& file, std::size_t count) {
  std::vector<T> numbers(count);
  file.read(reinterpret_cast<char*>(numbers.data()), count * sizeof(T));
  file.ignore(1);  // the line's end
  return numbers;
}

std::string line(std::istream& file) {
  std::string text;
  if (!std::getline(file, text))
    throw std::runtime_error("the file ends early");
  return text;
}

template <typename T, typename Read>
std::vector<T> list(std::istream& file, std::size_t count, Read&& read) {
  std::vector<T> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(T(read(line(file))));
  return values;
}

edm::ParameterSet readSet(std::istream& file, std::size_t count);

edm::ParameterSet::Value readValue(std::istream& file, const std::string& type, std::size_t count) {
  const auto text = [](const std::string& value) { return value; };
  const auto integer = [](const std::string& value) { return std::stoi(value); };
  const auto number = [](const std::string& value) { return std::stod(value); };
  if (type == "bool")
    return line(file) == "true";
  if (type == "int32")
    return integer(line(file));
  if (type == "uint32")
    return static_cast<unsigned>(std::stoul(line(file)));
  if (type == "double")
    return number(line(file));
  if (type == "string")
    return line(file);
  if (type == "InputTag")
    return edm::InputTag(line(file));
  if (type == "FileInPath")
    return edm::FileInPath(line(file));
  if (type == "vint32")
    return list<int>(file, count, integer);
  if (type == "vdouble")
    return list<double>(file, count, number);
  if (type == "vstring")
    return list<std::string>(file, count, text);
  if (type == "VInputTag")
    return list<edm::InputTag>(file, count, text);
  if (type == "PSet")
    return std::make_shared<const edm::ParameterSet>(readSet(file, count));
  if (type == "VPSet") {
    std::vector<edm::ParameterSet> sets;
    for (std::size_t i = 0; i < count; ++i)
      sets.push_back(readSet(file, std::stoul(line(file))));
    return sets;
  }
  throw std::runtime_error("no type " + type);
}

/// Each parameter: a line "NAME TYPE COUNT", then a line for each value, or the parameters inside.
edm::ParameterSet readSet(std::istream& file, std::size_t count) {
  edm::ParameterSet set;
  for (std::size_t i = 0; i < count; ++i) {
    std::istringstream head(line(file));
    std::string name, type;
    std::size_t size = 0;
    head >> name >> type >> size;
    set.set(name, readValue(file, type, size));
  }
  return set;
}

template <typename T>
const char* typeName();
template <>
const char* typeName<float>() {
  return "float32";
}
template <>
const char* typeName<std::int32_t>() {
  return "int32";
}
template <>
const char* typeName<std::uint32_t>() {
  return "uint32";
}

}  // namespace

std::vector<Record> readRecords(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<Record> records;
  for (std::string head; std::getline(file, head);) {
    std::istringstream words(head);
    std::string name, type;
    std::size_t count = 0;
    words >> name >> type >> count;
    if (name == "event")
      records.emplace_back();
    else if (type == "float32")
      records.back().arrays[name] = readNumbers<float>(file, count);
    else if (type == "int32")
      records.back().arrays[name] = readNumbers<std::int32_t>(file, count);
    else
      records.back().arrays[name] = readNumbers<std::uint32_t>(file, count);
  }
  return records;
}

void writeRecords(const std::string& path, const std::vector<Record>& records) {
  std::ofstream file(path, std::ios::binary);
  for (const Record& record : records) {
    file << "event\n";
    for (const auto& [name, array] : record.arrays)
      std::visit(
          [&, &key = name](const auto& numbers) {
            using T = typename std::decay_t<decltype(numbers)>::value_type;
            file << key << ' ' << typeName<T>() << ' ' << numbers.size() << '\n';
            file.write(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T));
            file << '\n';
          },
          array);
  }
}

std::vector<ModuleConfig> readModules(const std::string& path) {
  std::ifstream file(path);
  std::vector<ModuleConfig> modules;
  for (std::string head; std::getline(file, head);) {
    std::istringstream words(head);
    ModuleConfig module;
    std::size_t count = 0;
    words >> module.label >> module.type >> count;
    module.parameters = readSet(file, count);
    modules.push_back(std::move(module));
  }
  return modules;
}

}  // namespace harness
