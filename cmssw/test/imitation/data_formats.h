#ifndef imitation_data_formats_h
#define imitation_data_formats_h
// An imitation of the data formats that the plugins read and write: only the members that they call.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "parameters.h"

class DetId {
public:
  DetId() = default;
  explicit DetId(std::uint32_t id) : id_(id) {}
  std::uint32_t rawId() const { return id_; }
  int subdetId() const { return id_ >> 25 & 7; }

private:
  std::uint32_t id_ = 0;
};

enum HcalSubdetector { HcalBarrel = 1, HcalEndcap = 2 };

class HcalDetId : public DetId {
public:
  explicit HcalDetId(DetId id) : DetId(id) {}
  HcalSubdetector subdet() const { return static_cast<HcalSubdetector>(subdetId()); }
};

class EcalRecHit {
public:
  EcalRecHit(std::uint32_t id, float energy, float time) : id_(id), energy_(energy), time_(time) {}
  const DetId& detid() const { return id_; }
  float energy() const { return energy_; }
  float time() const { return time_; }

private:
  DetId id_;
  float energy_, time_;
};

class HBHERecHit : public EcalRecHit {
public:
  using EcalRecHit::EcalRecHit;
  HcalDetId id() const { return HcalDetId(detid()); }
};

using EcalRecHitCollection = std::vector<EcalRecHit>;
using HBHERecHitCollection = std::vector<HBHERecHit>;

namespace reco {

/// pt, eta, phi, charge, x, y, z, and what else there is.
template <int kSize>
struct Numbers {
  float numbers[kSize];

  double pt() const { return numbers[0]; }
  double eta() const { return numbers[1]; }
  double phi() const { return numbers[2]; }
  int charge() const { return static_cast<int>(numbers[3]); }
  double vx() const { return numbers[4]; }
  double vy() const { return numbers[5]; }
  double vz() const { return numbers[6]; }
};

class TrackBase {
public:
  enum TrackQuality { highPurity = 2 };
};

struct Track : TrackBase, Numbers<9> {
  int mask;

  double dxyError() const { return numbers[7]; }
  double dzError() const { return numbers[8]; }
  int qualityMask() const { return mask; }
  bool quality(TrackQuality quality) const { return mask >> quality & 1; }
};
using TrackCollection = std::vector<Track>;

struct Vertex {
  float place[3];
  double x() const { return place[0]; }
  double y() const { return place[1]; }
  double z() const { return place[2]; }
};
using VertexCollection = std::vector<Vertex>;

struct Candidate : Numbers<7> {};

}  // namespace reco

struct Point3D {
  float place[3];
  float x() const { return place[0]; }
  float y() const { return place[1]; }
  float z() const { return place[2]; }
};
using GlobalPoint = Point3D;
using LocalPoint = Point3D;

class TrackerRecHit {
public:
  explicit TrackerRecHit(LocalPoint place) : place_(place) {}
  LocalPoint localPosition() const { return place_; }

private:
  LocalPoint place_;
};

/// Hits of each module of the tracker.
class HitsOfModules {
public:
  class OfModule {
  public:
    explicit OfModule(std::uint32_t id) : id_(id) {}
    std::uint32_t detId() const { return id_; }
    auto begin() const { return hits_.begin(); }
    auto end() const { return hits_.end(); }
    void add(const TrackerRecHit& hit) { hits_.push_back(hit); }

  private:
    std::uint32_t id_;
    std::vector<TrackerRecHit> hits_;
  };
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }
  /// Hits come in the order in which they are added, each as a module of its own.
  void add(std::uint32_t id, const TrackerRecHit& hit) {
    modules_.emplace_back(id);
    modules_.back().add(hit);
  }

private:
  std::vector<OfModule> modules_;
};
struct SiPixelRecHitCollection : HitsOfModules {};
struct SiStripRecHit2DCollection : HitsOfModules {};

namespace PixelSubdetector {
enum SubDetector { PixelBarrel = 1 };
}
namespace SiStripSubdetector {
enum SubDetector { TIB = 3, TOB = 5 };
}

/// Modules of the imitation lie where the detector does: local places are global ones.
class TrackerGeometry {
public:
  struct Surface {
    GlobalPoint toGlobal(const LocalPoint& local) const { return local; }
  };
  struct Det {
    const Surface& surface() const { return surface_; }
    Surface surface_;
  };
  const Det* idToDet(DetId) const { return &det_; }

private:
  Det det_;
};

class TrackerTopology {
public:
  unsigned pxbLayer(DetId id) const { return layer(id); }
  unsigned tibLayer(DetId id) const { return layer(id); }
  unsigned tobLayer(DetId id) const { return layer(id); }
  static std::uint32_t idOf(int subdetector, int layer) { return 1u << 28 | subdetector << 25 | layer << 16; }

private:
  static unsigned layer(DetId id) { return id.rawId() >> 16 & 15; }
};
class TrackerDigiGeometryRecord {};
class TrackerTopologyRcd {};

namespace nanoaod {

class FlatTable {
public:
  FlatTable(unsigned size, std::string name, bool isSingleton, bool isExtension)
      : size_(size), name_(std::move(name)), isSingleton_(isSingleton), isExtension_(isExtension) {}

  template <typename T>
  void addColumn(const std::string& name, const std::vector<T>& values, const std::string&) {
    if (values.size() != size_)
      throw cms::Exception("LogicError") << "Mismatched size for " << name;
    columns_.emplace_back(name, values);
  }
  const std::string& name() const { return name_; }
  bool extension() const { return isExtension_; }
  bool singleton() const { return isSingleton_; }
  const std::vector<std::pair<std::string, std::vector<float>>>& columns() const { return columns_; }

private:
  unsigned size_;
  std::string name_;
  bool isSingleton_, isExtension_;
  std::vector<std::pair<std::string, std::vector<float>>> columns_;
};

}  // namespace nanoaod

#endif
