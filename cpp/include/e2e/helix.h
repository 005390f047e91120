#ifndef e2e_helix_h
#define e2e_helix_h
// Tracks in the field of the tracker, in closed form: circles seen along the beam, straight lines against the path.
// Nothing is lost on the way: no material. Mirrors src/e2e/detector/helix.py operation by operation, in double: the
// same bits need a compiler that does not contract a multiplication and an addition into one (-ffp-contract=off).
#include <algorithm>
#include <cmath>
#include <limits>

#include "geometry.h"
#include "geometry_tables.h"

namespace e2e {

/// In the detector's frame; cm.
struct Point {
  double x = 0, y = 0, z = 0;
};

/// A point, the direction there, and the change of azimuth per cm of transverse path; a bend of 0 is a straight line.
struct Track {
  double x, y, z;   // cm
  double eta, phi;  // radian
  double bend;      // radian per cm
};

inline constexpr double kUnreached = std::numeric_limits<double>::quiet_NaN();  // a path, or the angles at its end

/// 0 for NaN, the largest double for an infinity: np.nan_to_num.
inline double madeFinite(double value) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return std::isnan(value) ? 0 : std::clamp(value, -kMax, kMax);
}

/// Radian per cm in the field along +z; pt in GeV. Neutral, or of an unknown charge (NaN): 0.
inline double bendOf(double charge, double pt) {
  const double known = madeFinite(charge);
  return known == 0 ? 0 : -known * (1 / (kHelixRadiusCmPerGev * pt));
}

/// Transverse path in cm until the track leaves the cylinder; NaN: curls up within, or starts outside.
inline double pathToCylinder(const Track& track, double radius) {
  // With tangent = bend x g of half the angle turned, the crossing solves a g^2 + 2 along g - reach = 0; the root
  // written here is the first on the way, and the straight line is no special case.
  const double cosine = std::cos(track.phi), sine = std::sin(track.phi);
  const double along = track.x * cosine + track.y * sine, across = track.y * cosine - track.x * sine;
  const double reach = (radius * radius - track.x * track.x - track.y * track.y) / 2;
  if (!(reach > 0))
    return kUnreached;
  const double a = 2 * (1 + across * track.bend) - track.bend * track.bend * reach;
  const double g = reach / (along + std::sqrt(along * along + reach * a));
  if (track.bend == 0)
    return 2 * g;
  const double half = std::atan(std::abs(track.bend) * g);
  return 2 * ((half < 0 ? half + kPi : half) / std::abs(track.bend));
}

/// Transverse path in cm to |z| = `planeZ` on the side the track flies to; NaN: never, or starts beyond.
/// slope: sinh(eta), z gained per transverse path.
inline double pathToPlane(const Track& track, double slope, double planeZ) {
  const double path = (std::copysign(planeZ, track.eta) - track.z) / slope;
  return std::isfinite(path) && path >= 0 ? path : kUnreached;
}

/// The point after a transverse path in cm. slope: sinh(eta).
inline Point follow(const Track& track, double slope, double path) {
  const double turned = track.bend * path / 2;
  const double sincArgument = kPi * (turned / kPi);  // NumPy's way, and its rounding
  const double chord = path * (sincArgument == 0 ? 1 : std::sin(sincArgument) / sincArgument);
  const double angle = track.phi + turned;
  return {track.x + chord * std::cos(angle), track.y + chord * std::sin(angle), track.z + path * slope};
}

/// Impact on the cylinder of the barrel's front, however long, seen from the origin; phi NaN: does not get there.
inline Position toBarrel(const Track& track) {
  const double path = pathToCylinder(track, kEcalBarrelFrontRadiusCm);
  const Point impact = follow(track, std::sinh(track.eta), path);
  return {std::asinh(impact.z / kEcalBarrelFrontRadiusCm), std::atan2(impact.y, impact.x)};
}

/// Impact on the ECAL, seen from the origin: the barrel's front where that lies within |eta| 1.479, else the plane of
/// the endcap. NaN: does not get there, or only after more than a full turn, by when the tracker has stopped it.
inline Position toEcal(const Track& track) {
  const double slope = std::sinh(track.eta);
  double path = pathToCylinder(track, kEcalBarrelFrontRadiusCm);
  const bool isBarrel = std::abs(track.z + path * slope) < kEcalBarrelFrontRadiusCm * std::sinh(kBarrelMaxEta);
  if (!isBarrel)  // true for NaN
    path = pathToPlane(track, slope, kEcalEndcapFrontZCm);
  if (!(std::abs(track.bend) * path < 2 * kPi))
    return {kUnreached, kUnreached};
  const Point impact = follow(track, slope, path);
  return {std::asinh(impact.z / std::sqrt(impact.x * impact.x + impact.y * impact.y)), std::atan2(impact.y, impact.x)};
}

}  // namespace e2e

#endif
