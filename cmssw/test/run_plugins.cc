// Runs the plugins over events, in the imitation of the framework: `run_plugins CONFIG EVENTS OUTPUT [--streams N]
// [--shuffle SEED] [--repeat N] [--memory 1]`. Modules run in the order of the configuration, as in one path: a filter
// that refuses ends it. What they made is written in the order of the events, whatever the order in which streams took
// them. With --repeat the events run so many times, and the seconds of each module are printed as JSON. With --memory 1
// the bytes are printed that are in use when all events are done, without what the allocator keeps for later.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "RecoE2E/DataFormats/interface/DetectorFrames.h"
#include "RecoE2E/DataFormats/interface/SparseCandidates.h"
#include "imitation/framework.h"
#include "records.h"

namespace {

using harness::Record;

constexpr int kExitException = 3;

struct Options {
  std::string config, events, output;
  int streams = 1, repeat = 1, shuffle = -1, memory = 0;
};

Options parse(int count, char** words) {
  Options options;
  options.config = words[1];
  options.events = words[2];
  options.output = words[3];
  for (int i = 4; i + 1 < count; i += 2) {
    const std::string name = words[i];
    const int value = std::stoi(words[i + 1]);
    if (name == "--streams")
      options.streams = value;
    else if (name == "--shuffle")
      options.shuffle = value;
    else if (name == "--repeat")
      options.repeat = value;
    else if (name == "--memory")
      options.memory = value;
    else
      throw std::runtime_error("no option " + name);
  }
  return options;
}

template <typename Hit>
void fillHits(edm::Event& event, const Record& record, const std::string& name, const std::string& tag) {
  if (!record.has(name + ".detid"))
    return;
  auto hits = std::make_shared<std::vector<Hit>>();
  const auto& detid = record.of<std::uint32_t>(name + ".detid");
  for (std::size_t i = 0; i < detid.size(); ++i)
    hits->emplace_back(detid[i], record.of<float>(name + ".energy")[i], record.of<float>(name + ".time")[i]);
  event.store(tag, hits);
}

/// Rows of so many numbers, end to end.
template <typename Collection, typename Make>
void fillRows(edm::Event& event, const Record& record, const std::string& name, std::size_t width, Make&& make) {
  if (!record.has(name))
    return;
  const auto& numbers = record.of<float>(name);
  auto rows = std::make_shared<Collection>();
  for (std::size_t i = 0; i + width <= numbers.size(); i += width)
    make(*rows, numbers.data() + i);
  event.store(name + ":", rows);
}

/// Collections go by the name of their array.
void fill(edm::Event& event, const Record& record) {
  fillHits<EcalRecHit>(event, record, "eb", "eb:");
  fillHits<EcalRecHit>(event, record, "ee", "ee:");
  fillHits<HBHERecHit>(event, record, "hbhe", "hbhe:");
  fillRows<reco::TrackCollection>(event, record, "tracks", 10, [](auto& rows, const float* numbers) {
    reco::Track track;
    std::copy_n(numbers, 9, track.numbers);
    const float isHighPurity = numbers[9];  // NaN: not known, which CMS says by a mask of 0
    track.mask = isHighPurity != isHighPurity ? 0 : isHighPurity != 0 ? 1 << reco::TrackBase::highPurity : 1;
    rows.push_back(track);
  });
  fillRows<reco::VertexCollection>(event, record, "vertices", 3, [](auto& rows, const float* numbers) {
    rows.push_back({{numbers[0], numbers[1], numbers[2]}});
  });
  if (record.has("tracker_hits")) {
    auto pixels = std::make_shared<SiPixelRecHitCollection>();
    auto strips = std::make_shared<SiStripRecHit2DCollection>();
    const auto& numbers = record.of<float>("tracker_hits");
    for (std::size_t i = 0; i + 4 <= numbers.size(); i += 4) {
      const int layer = static_cast<int>(numbers[i]);
      const TrackerRecHit hit(LocalPoint{{numbers[i + 1], numbers[i + 2], numbers[i + 3]}});
      if (layer <= 4)
        pixels->add(TrackerTopology::idOf(PixelSubdetector::PixelBarrel, layer), hit);
      else if (layer <= 6)
        strips->add(TrackerTopology::idOf(SiStripSubdetector::TIB, layer - 4), hit);
      else
        strips->add(TrackerTopology::idOf(SiStripSubdetector::TOB, layer - 6), hit);
    }
    event.store("pixelHits:", pixels);
    event.store("stripHits:", strips);
  }
  for (const auto& [name, array] : record.arrays) {
    if (name.rfind("candidates.", 0) != 0)
      continue;
    const auto& numbers = std::get<std::vector<float>>(array);
    std::vector<reco::Candidate> candidates(numbers.size() / 7);
    for (std::size_t i = 0; i < candidates.size(); ++i)
      std::copy_n(numbers.data() + 7 * i, 7, candidates[i].numbers);
    const std::string tag = name.substr(name.find('.') + 1) + ":";
    event.store(tag, std::make_shared<edm::View<reco::Candidate>>(candidates, edm::ProductID(tag)));
  }
}

template <typename T, typename From>
std::vector<T> as(const std::vector<From>& values) {
  return std::vector<T>(values.begin(), values.end());
}

Record made(const edm::Event& event, bool hasPassed) {
  Record record;
  record.arrays["passed"] = std::vector<std::int32_t>{hasPassed};
  for (const auto& [tag, frames] : event.all<e2e::DetectorFrames>()) {
    record.arrays[tag + "channel"] = as<std::int32_t>(frames->channel);
    record.arrays[tag + "rows"] = as<std::int32_t>(frames->rows);
    record.arrays[tag + "offset"] = as<std::int32_t>(frames->offset);
    record.arrays[tag + "pixel"] = frames->pixel;
    record.arrays[tag + "value"] = frames->value;
  }
  for (const auto& [tag, candidates] : event.all<e2e::SparseCandidates>()) {
    record.arrays[tag + "candidate"] = as<std::int32_t>(candidates->candidate);
    record.arrays[tag + "seedRow"] = as<std::int32_t>(candidates->seedRow);
    record.arrays[tag + "seedColumn"] = as<std::int32_t>(candidates->seedColumn);
    record.arrays[tag + "offset"] = as<std::int32_t>(candidates->offset);
    record.arrays[tag + "pixel"] = candidates->pixel;
    record.arrays[tag + "value"] = candidates->value;
  }
  for (const auto& [tag, map] : event.all<edm::ValueMap<float>>())
    for (const auto& [id, values] : map->values())
      record.arrays[tag] = values;
  for (const auto& [tag, table] : event.all<nanoaod::FlatTable>())
    for (const auto& [name, values] : table->columns())
      record.arrays["table." + table->name() + (table->extension() ? "+" : "") + "." + name] = values;
  return record;
}

struct Path {
  std::vector<std::string> labels;
  std::vector<imitation::Run> runs;
  std::vector<double> seconds;

  Record run(const Record& input) {
    edm::Event event;
    const edm::EventSetup setup;
    fill(event, input);
    bool hasPassed = true;
    for (std::size_t i = 0; i < runs.size() && hasPassed; ++i) {
      event.setModule(labels[i]);
      const auto begin = std::chrono::steady_clock::now();
      hasPassed = runs[i](event, setup);
      seconds[i] += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    return made(event, hasPassed);
  }
};

void run(const Options& options) {
  const auto configs = harness::readModules(options.config);
  std::vector<std::unique_ptr<imitation::Module>> modules;
  for (const auto& config : configs) {
    const auto plugin = imitation::plugins().find(config.type);
    if (plugin == imitation::plugins().end())
      throw cms::Exception("PluginNotFound") << "no plugin " << config.type;
    modules.push_back(plugin->second.make(plugin->second.describe().validated(config.parameters, config.label)));
  }
  const auto inputs = harness::readRecords(options.events);
  std::vector<Record> outputs(inputs.size());
  std::vector<std::size_t> order(inputs.size());
  std::iota(order.begin(), order.end(), 0);
  if (options.shuffle >= 0)
    std::shuffle(order.begin(), order.end(), std::mt19937(options.shuffle));

  std::vector<Path> paths(options.streams);
  for (Path& path : paths)
    for (std::size_t i = 0; i < modules.size(); ++i) {
      path.labels.push_back(configs[i].label);
      path.runs.push_back(modules[i]->makeStream());
      path.seconds.push_back(0);
    }
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(options.streams);
  const auto work = [&](int stream) {
    try {
      for (int turn = 0; turn < options.repeat; ++turn) {
        if (turn > 0)
          next = 0;
        for (std::size_t i; (i = next++) < order.size();)
          outputs[order[i]] = paths[stream].run(inputs[order[i]]);
      }
    } catch (...) {
      failures[stream] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (int stream = 1; stream < options.streams; ++stream)
    threads.emplace_back(work, stream);
  work(0);
  for (std::thread& thread : threads)
    thread.join();
  for (const auto& failure : failures)
    if (failure)
      std::rethrow_exception(failure);
  if (options.memory != 0) {
    const struct mallinfo2 use = mallinfo2();
    std::cout << use.uordblks + use.hblkhd << '\n';
  }
  harness::writeRecords(options.output, outputs);
  if (options.repeat > 1) {
    std::cout << "{";
    for (std::size_t i = 0; i < configs.size(); ++i)
      std::cout << (i > 0 ? ", " : "") << '"' << configs[i].label << "\": " << paths[0].seconds[i];
    std::cout << "}\n";
  }
}

}  // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::cerr << "usage: run_plugins CONFIG EVENTS OUTPUT [--streams N] [--shuffle SEED] [--repeat N] [--memory 1]\n";
    return 2;
  }
  try {
    run(parse(count, words));
  } catch (const cms::Exception& error) {
    std::cerr << error.category() << ": " << error.what() << '\n';
    return kExitException;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
