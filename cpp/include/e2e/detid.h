#ifndef e2e_detid_h
#define e2e_detid_h
// CMS DetIds: 32 bits, detector in 28-31, subdetector in 25-27, the rest by subdetector. Total on any 32 bits.
// Mirrors src/e2e/detector/detid.py. Source: DataFormats/EcalDetId and HcalDetId of CMSSW.
#include <cstdint>
#include <cstdlib>

#include "contract.h"
#include "geometry_tables.h"

namespace e2e {

enum class Subdetector { EB, EE, ES, HB, HE, HO, HF };

/// Barrel crystal: ieta -85..-1, 1..85; iphi 1..360.
struct BarrelCrystal {
  int ieta, iphi;
};

/// Endcap crystal: ix, iy 1..100; side -1 or +1.
struct EndcapCrystal {
  int ix, iy, side;
};

/// Preshower strip: strip 1..32; ix, iy 1..40; plane 1 or 2; side -1 or +1.
struct PreshowerStrip {
  int strip, ix, iy, plane, side;
};

/// HCAL channel: ieta without 0, iphi 1..72, depth from 1.
struct Tower {
  int ieta, iphi, depth;
};

inline constexpr std::uint32_t kHcalNewFormat = 1u << 24;  // set from 2017 on

constexpr bool isHcal(Subdetector subdetector) { return subdetector >= Subdetector::HB; }

/// Detector and subdetector bits, the rest 0.
constexpr std::uint32_t baseId(Subdetector subdetector) {
  const auto number = static_cast<std::uint32_t>(subdetector);
  return isHcal(subdetector) ? 4u << 28 | (number - 2) << 25 : 3u << 28 | (number + 1) << 25;
}

constexpr int bits(std::uint32_t id, int shift, int width) { return id >> shift & ((1u << width) - 1); }
constexpr int signOf(std::uint32_t id, int bit) { return 2 * bits(id, bit, 1) - 1; }
constexpr bool isWithin(int value, int low, int high) { return low <= value && value <= high; }

constexpr BarrelCrystal unpackBarrel(std::uint32_t id) { return {bits(id, 9, 7) * signOf(id, 16), bits(id, 0, 9)}; }

constexpr EndcapCrystal unpackEndcap(std::uint32_t id) { return {bits(id, 7, 7), bits(id, 0, 7), signOf(id, 14)}; }

constexpr PreshowerStrip unpackPreshower(std::uint32_t id) {
  return {bits(id, 0, 6), bits(id, 6, 6), bits(id, 12, 6), bits(id, 18, 1) + 1, signOf(id, 19)};
}

/// Reads the old and the new (2017) layout; which one the id uses is in its bit 24.
constexpr Tower unpackTower(std::uint32_t id) {
  if (id & kHcalNewFormat)
    return {bits(id, 10, 9) * signOf(id, 19), bits(id, 0, 10), bits(id, 20, 4)};
  return {bits(id, 7, 6) * signOf(id, 13), bits(id, 0, 7), bits(id, 14, 3)};
}

constexpr std::uint32_t field(int value, int shift) { return static_cast<std::uint32_t>(value) << shift; }
constexpr std::uint32_t sizeAndSide(int ieta, int shift, int sideBit) {
  return field(ieta > 0, sideBit) | field(ieta < 0 ? -ieta : ieta, shift);
}

constexpr std::uint32_t pack(BarrelCrystal crystal) {
  return baseId(Subdetector::EB) | sizeAndSide(crystal.ieta, 9, 16) | field(crystal.iphi, 0);
}

constexpr std::uint32_t pack(EndcapCrystal crystal) {
  return baseId(Subdetector::EE) | field(crystal.side > 0, 14) | field(crystal.ix, 7) | field(crystal.iy, 0);
}

constexpr std::uint32_t pack(PreshowerStrip strip) {
  return baseId(Subdetector::ES) | field(strip.side > 0, 19) | field(strip.plane == 2, 18) | field(strip.iy, 12) |
         field(strip.ix, 6) | field(strip.strip, 0);
}

/// subdetector: HB, HE, HO or HF.
constexpr std::uint32_t pack(Subdetector subdetector, Tower tower, bool newFormat = true) {
  if (newFormat)
    return baseId(subdetector) | kHcalNewFormat | field(tower.depth, 20) | sizeAndSide(tower.ieta, 10, 19) |
           field(tower.iphi, 0);
  return baseId(subdetector) | field(tower.depth, 14) | sizeAndSide(tower.ieta, 7, 13) | field(tower.iphi, 0);
}

/// True for the 7,324 crystals of one endcap.
constexpr bool endcapExists(int ix, int iy) {
  return isWithin(ix, 1, 100) && isWithin(iy, 1, 100) && kEndcapPixel[ix][iy] >= 0;
}

/// True where the id names an existing channel of this subdetector.
template <Subdetector kSubdetector>
constexpr bool isValid(std::uint32_t id) {
  if (id >> 25 != baseId(kSubdetector) >> 25)
    return false;
  if constexpr (kSubdetector == Subdetector::EB) {
    return isWithin(bits(id, 9, 7), 1, 85) && isWithin(bits(id, 0, 9), 1, 360) && bits(id, 17, 8) == 0;
  } else if constexpr (kSubdetector == Subdetector::EE) {
    return endcapExists(bits(id, 7, 7), bits(id, 0, 7)) && bits(id, 15, 10) == 0;
  } else if constexpr (kSubdetector == Subdetector::ES) {
    return isWithin(bits(id, 0, 6), 1, 32) && isWithin(bits(id, 6, 6), 1, 40) && isWithin(bits(id, 12, 6), 1, 40) &&
           bits(id, 20, 5) == 0;
  } else {
    constexpr HcalRange kRange = kHcalRanges[static_cast<int>(kSubdetector) - static_cast<int>(Subdetector::HB)];
    const bool isNew = id & kHcalNewFormat;
    const auto [ieta, iphi, depth] = unpackTower(id);
    return isWithin(ieta < 0 ? -ieta : ieta, kRange.minIeta, kRange.maxIeta) && isWithin(iphi, 1, 72) &&
           isWithin(depth, 1, isNew ? kRange.maxDepthNew : kRange.maxDepthOld) && (isNew || bits(id, 17, 7) == 0);
  }
}

/// Row of the barrel grid; there is no ieta 0.
constexpr int barrelRow(int ieta) { return ieta + kBarrelMaxIeta - (ieta > 0); }

/// Size of the range of `channelIndex`.
template <Subdetector kSubdetector>
constexpr int numChannelIndices() {
  static_assert(kSubdetector != Subdetector::ES, "the preshower fills no frame");
  if (isHcal(kSubdetector))
    return 2 * 83 * 72 * 8;  // format, ieta -41..41, iphi, depth
  return kSubdetector == Subdetector::EB ? kBarrelGrid.numPixels() : 1 << 15;
}

/// A small number that tells the valid ids of one subdetector apart; the flat barrel pixel for EB; -1: not valid.
template <Subdetector kSubdetector>
constexpr int channelIndex(std::uint32_t id) {
  static_assert(kSubdetector != Subdetector::ES, "the preshower fills no frame");
  if (!isValid<kSubdetector>(id))
    return -1;
  if constexpr (kSubdetector == Subdetector::EB) {
    const auto [ieta, iphi] = unpackBarrel(id);
    return barrelRow(ieta) * kBarrelGrid.columns + iphi - 1;
  } else if constexpr (kSubdetector == Subdetector::EE) {
    return bits(id, 0, 15);
  } else {
    const auto [ieta, iphi, depth] = unpackTower(id);
    const int isNew = (id & kHcalNewFormat) != 0;
    return ((isNew * 83 + ieta + 41) * 72 + iphi - 1) * 8 + depth;
  }
}

}  // namespace e2e

#endif
